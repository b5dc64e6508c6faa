/** Numbers and structures of rtnetlink (linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h) used here. */

export const NETLINK_ROUTE = 0;

export const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  getNeighbour: 30,
  newQueue: 36,
  deleteQueue: 37,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
} as const;

export const GROUP = {
  link: 1,
  trafficControl: 4,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv6Address: 9,
  ipv6Route: 11,
} as const;

/** Sizes of the fixed parts before the attributes. */
export const HEADER_BYTES = { link: 16, address: 8, route: 12, neighbour: 12, trafficControl: 20 } as const;

export const IFLA = { address: 1, name: 3, linkInfo: 18, extendedMask: 29 } as const;
export const IFA = { address: 1, local: 2, cacheInfo: 6, flags: 8 } as const;
export const RTA = { device: 4, gateway: 5, multipath: 9, table: 15, via: 18 } as const;
export const NDA = { destination: 1, linkAddress: 2, device: 8 } as const;
export const TCA = { kind: 1, options: 2 } as const;
