import { expect, test } from "vitest";
import type { Device } from "../../host/ports.ts";
import { Links, type LinksOptions } from "./links.ts";

const DEVICES: readonly Device[] = [
  device("eth0", 1, ["192.0.2.11/24", "2001:db8:2::11/64"]),
  device("eth1", 2, ["10.0.0.11/24", "2001:db8:a::11/64"]),
];
const ADDRESSES = ["192.0.2.11", "10.0.0.11", "2001:db8:2::11", "2001:db8:a::11"];
const ROUTES = [
  { address: "192.0.2.1", device: "eth0" },
  { address: "fe80::1", device: "eth0" },
];

function device(name: string, index: number, networks: readonly string[]): Device {
  const addresses = networks.map((network) => {
    const [address = "", length] = network.split("/");
    return { address, prefixLength: Number(length) };
  });
  return { index, name, up: true, carrier: true, mac: `02:00:00:00:00:0${index}`, addresses };
}

/** Gateways per link. */
function gateways(options: Partial<LinksOptions>, routes: typeof ROUTES = []): (readonly string[])[] {
  const links = new Links({ addresses: ADDRESSES, gateways: [], vips: [], ...options });
  links.update({ devices: DEVICES, gateways: routes });
  return links.all().map((link) => link.gateways);
}

test("without a word in the file the gateways of a device's default routes are on its links", () => {
  const both = ["192.0.2.1", "fe80::1"];
  expect(gateways({}, ROUTES)).toEqual([both, [], both, []]);
});

test("a gateway of the file is on the links in whose network it lies, and routes do not count then", () => {
  expect(gateways({ gateways: ["192.0.2.254", "2001:db8:a::1"] }, ROUTES)).toEqual([
    ["192.0.2.254"],
    [],
    [],
    ["2001:db8:a::1"],
  ]);
});

test("a link-local gateway of the file is on the IPv6 links of the device whose route leads through it", () => {
  expect(gateways({ gateways: ["fe80::1"] }, ROUTES)).toEqual([[], [], ["fe80::1"], []]);
});

test("a link-local gateway that no route names is where a VIP says so", () => {
  expect(gateways({ gateways: ["fe80::1"] })).toEqual([[], [], [], []]);
  const vips = [{ link: 2, gateways: ["fe80::1"] }];
  expect(gateways({ gateways: ["fe80::1"], vips })).toEqual([[], [], ["fe80::1"], []]);
});

test("the gateways that a VIP names are on its link, beside those of the file", () => {
  const vips = [
    { link: 0, gateways: ["192.0.2.254"] },
    { link: 2, gateways: ["fe80::1"] },
    { link: undefined, gateways: ["203.0.113.1"] },
  ];
  expect(gateways({ vips, gateways: ["192.0.2.1"] })).toEqual([["192.0.2.1", "192.0.2.254"], [], ["fe80::1"], []]);
});

test("links whose VIPs name no gateway have those of the routes while others' VIPs name theirs", () => {
  expect(gateways({ vips: [{ link: 2, gateways: ["fe80::2"] }] }, ROUTES)).toEqual([
    ["192.0.2.1", "fe80::1"],
    [],
    ["fe80::2"],
    [],
  ]);
});
