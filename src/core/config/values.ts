/**
 * Readers of the cluster file's kinds of text: names, addresses, paths, devices, URLs, arguments. Each refusal
 * says what is wrong with this very text.
 */

import { MAX_NAME_LENGTH } from "../base/limits.ts";
import { formatIpAddress, isNetworkOrBroadcast, kindOfAddress, parseIpAddress, parseIpNetwork } from "./ip-address.ts";
import type { IpAddress } from "./ip-address.ts";
import { nearestWord } from "./nearest.ts";
import { accept, describeValue, refuse, setting, textSetting } from "./setting.ts";
import type { Reading } from "./setting.ts";

interface Described {
  readonly description: string;
  readonly example: string;
}

const NAME_PATTERN = "^[A-Za-z][A-Za-z0-9._-]*$";
const NAME_RULE = `a name: a letter, then letters, digits, ".", "_" or "-", at most ${MAX_NAME_LENGTH} in all`;

/** A name of a cluster, node, group, monitor or service. */
export function nameSetting(about: Described) {
  return textSetting({ ...about, pattern: NAME_PATTERN, expected: NAME_RULE }, (text) => {
    // A leading digit would let JavaScript sort the name before all others, and the file's order decides ties.
    const why =
      text.length > MAX_NAME_LENGTH
        ? `${text.length} characters are too many`
        : new RegExp(NAME_PATTERN).test(text)
          ? undefined
          : "it has a character that no name may have there";
    return why === undefined
      ? accept(text)
      : refuse("CONFIG_BAD_NAME", `is ${describeValue(text)}: ${why}`, { expected: NAME_RULE });
  });
}

const ADDRESS_RULE = "an IPv4 or IPv6 address without a prefix length";

/** The address of one host, as canonical text. */
export function addressSetting(about: Described) {
  return textSetting({ ...about, expected: ADDRESS_RULE }, (text): Reading<string> => {
    const address = parseIpAddress(text);
    if (address === undefined) {
      const next = parseIpNetwork(text) === undefined ? undefined : "leave out the prefix length";
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which is no address`, {
        expected: ADDRESS_RULE,
        ...(next && { next }),
      });
    }
    return refusalOfKind(text, address) ?? accept(formatIpAddress(address));
  });
}

/** A virtual address as the file has it. */
export interface VipText {
  /** Canonical. */
  readonly address: string;
  readonly family: 4 | 6;
  readonly prefixLength: number;
}

const VIP_RULE = "an address with its prefix length, such as 192.0.2.10/24 or 2001:db8::10/64";

/** A virtual address with the prefix length of its network. */
export function vipSetting(about: Described) {
  return textSetting({ ...about, expected: VIP_RULE }, (text): Reading<VipText> => {
    const network = parseIpNetwork(text);
    if (network === undefined) {
      const bare = parseIpAddress(text);
      const next = bare && `add the prefix length of its network: ${text}/${bare.family === 4 ? 24 : 64}`;
      const what = bare ? "which lacks its prefix length" : "which is no address with a prefix length";
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, ${what}`, {
        expected: VIP_RULE,
        ...(next && { next }),
      });
    }
    const { address, prefixLength } = network;
    const wrong = refusalOfKind(text, address);
    if (wrong !== undefined) return wrong;
    if (kindOfAddress(address) !== "unicast") {
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, which is not an address for clients`, {
        expected: VIP_RULE,
      });
    }
    if (prefixLength === 0) return refuse("CONFIG_BAD_ADDRESS", "has the prefix length 0", { expected: VIP_RULE });
    if (isNetworkOrBroadcast(network)) {
      return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, the network's own or its broadcast address`, {
        expected: "an address inside the network",
      });
    }
    return accept({ address: formatIpAddress(address), family: address.family, prefixLength });
  });
}

/** Refuses addresses that no single host can have. */
function refusalOfKind(text: string, address: IpAddress): Reading<never> | undefined {
  const reasons: Partial<Record<ReturnType<typeof kindOfAddress>, string>> = {
    unspecified: "which stands for no host",
    multicast: "which is a multicast address",
    broadcast: "which is reserved",
    mapped: "an IPv4 address in IPv6 clothes: write it as IPv4",
  };
  const reason = reasons[kindOfAddress(address)];
  if (reason === undefined) return undefined;
  return refuse("CONFIG_BAD_ADDRESS", `is ${describeValue(text)}, ${reason}`, { expected: "the address of one host" });
}

/** An absolute path. */
export function pathSetting(about: Described) {
  const expected = "an absolute path";
  return textSetting({ ...about, pattern: "^/", expected }, (text) =>
    text.startsWith("/") && !text.includes("\0") && text.length <= 4_095
      ? accept(text)
      : refuse("CONFIG_BAD_PATH", `is ${describeValue(text)}`, { expected }),
  );
}

/** A Linux network device; IFNAMSIZ leaves 15 bytes. */
export function deviceSetting(about: Described) {
  const expected = "the name of a network device, at most 15 characters";
  return textSetting({ ...about, pattern: "^[!-.0-~]{1,15}$", expected }, (text) =>
    /^[!-.0-~]{1,15}$/.test(text) && text !== "." && text !== ".." && !text.includes(":")
      ? accept(text)
      : refuse("CONFIG_BAD_DEVICE", `is ${describeValue(text)}`, { expected }),
  );
}

/** One argument of a program. Numbers must be quoted, because YAML turns 010 into 10 and 1.0 into 1. */
export function argumentSetting(about: Described) {
  return setting({ ...about, type: "string" }, (value) => {
    if (typeof value === "number" || typeof value === "boolean") {
      return refuse("CONFIG_BAD_COMMAND", `is the ${typeof value} ${value}, and arguments are texts`, {
        expected: "a text",
        next: "put quotes around it",
      });
    }
    if (typeof value !== "string")
      return refuse("CONFIG_WRONG_TYPE", `is ${describeValue(value)}`, { expected: "a text" });
    if (value.includes("\0"))
      return refuse("CONFIG_BAD_COMMAND", "holds a NUL character, which no argument can", { expected: "a text" });
    if (value.length > 4_096)
      return refuse("CONFIG_BAD_COMMAND", "is longer than 4096 characters", { expected: "a text" });
    return accept(value);
  });
}

/** Words in braces that a monitor fills in. */
export const PLACEHOLDERS: readonly string[] = ["node", "address"];

/** An http or https URL that may hold placeholders. */
export function urlSetting(about: Described) {
  const expected = `a URL such as ${about.example}`;
  return textSetting({ ...about, pattern: "^https?://", expected }, (text) => {
    const unknown = unknownPlaceholder(text);
    if (unknown !== undefined) {
      const nearest = nearestWord(unknown, PLACEHOLDERS);
      return refuse("CONFIG_BAD_URL", `holds "{${unknown}}"`, {
        expected: PLACEHOLDERS.map((word) => `{${word}}`).join(" or "),
        ...(nearest && { nearest: `{${nearest}}` }),
      });
    }
    const filled = text.replaceAll("{node}", "node").replaceAll("{address}", "192.0.2.1");
    const parts = /^https?:\/\/(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!-~]*)?$/.exec(filled);
    const port = Number(parts?.[1] ?? 80);
    if (parts === null || port < 1 || port > 65_535) {
      return refuse("CONFIG_BAD_URL", `is ${describeValue(text)}`, { expected });
    }
    return accept(text);
  });
}

/** The first `{word}` in a text that is no placeholder. */
export function unknownPlaceholder(text: string): string | undefined {
  for (const found of text.matchAll(/\{([A-Za-z]+)\}/g)) {
    const word = found[1] ?? "";
    if (!PLACEHOLDERS.includes(word)) return word;
  }
  return undefined;
}
