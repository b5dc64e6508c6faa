/**
 * The only file that calls foreign functions. Everything else in this folder speaks in Buffers, numbers and
 * `SystemError`s, so a change of the foreign-function library is a change of this file.
 *
 * A wrong prototype crashes the process; that is safe (the kernel's lease lapses) but it is the reason why the
 * list is short. All calls are synchronous and take microseconds, except where noted.
 */

import koffi from "koffi";
import { constants } from "node:os";

const libc = koffi.load(null);

const c = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, void *address, uint32_t length)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)"),
  sendto: libc.func("long sendto(int fd, void *data, size_t length, int flags, void *address, uint32_t addressLength)"),
  recvfrom: libc.func(
    "long recvfrom(int fd, void *data, size_t length, int flags, void *address, void *addressLength)",
  ),
  close: libc.func("int close(int fd)"),
  clockGettime: libc.func("int clock_gettime(int clock, void *time)"),
  timerfdCreate: libc.func("int timerfd_create(int clock, int flags)"),
  timerfdSettime: libc.func("int timerfd_settime(int fd, int flags, void *value, void *former)"),
  schedSetscheduler: libc.func("int sched_setscheduler(int pid, int policy, void *parameters)"),
  ifNametoindex: libc.func("uint32_t if_nametoindex(const char *name)"),
  syscall3: libc.func("long syscall(long number, long a, void *b, long c)"),
  prlimit: libc.func("int prlimit64(int pid, int resource, void *wanted, void *former)"),
  waitpid: libc.func("int waitpid(int pid, void *status, int options)"),
};

const EINTR = constants.errno.EINTR;
const EAGAIN = constants.errno.EAGAIN;

/** A system call failed; `errno` is the number, `code` its name (`EPERM`). */
export class SystemError extends Error {
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, detail?: string) {
    const code = errnoName(errno);
    super(`${call}: ${code}${detail === undefined ? "" : ` (${detail})`}`);
    this.name = "SystemError";
    this.errno = errno;
    this.code = code;
  }
}

/** The name of an error number: `ENOENT`. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${errno}`;
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, koffi.errno());
  return result;
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SOL_PACKET = 263;
export const SOL_NETLINK = 270;

/** Opens a socket that does not survive exec. */
export function openSocket(domain: number, type: number, protocol: number): number {
  return checked("socket", c.socket(domain, type | SOCK_CLOEXEC, protocol));
}

export function bindSocket(fd: number, address: Uint8Array): void {
  checked("bind", c.bind(fd, address, address.length));
}

/** The local address of a socket, as the kernel's structure. */
export function socketName(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  checked("getsockname", c.getsockname(fd, address, length));
  return address.subarray(0, length.readUInt32LE());
}

export function setOption(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === "number" ? integer(value) : value;
  checked("setsockopt", c.setsockopt(fd, level, name, bytes, bytes.length));
}

/** A classic BPF instruction: code, jump if true, jump if false, constant. */
export type FilterInstruction = readonly [code: number, jt: number, jf: number, k: number];

const SO_ATTACH_FILTER = 26;

/** Lets a socket receive only what the classic BPF program accepts. */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const instructions = pinned(program.length * 8);
  program.forEach(([code, jt, jf, k], i) => {
    instructions.writeUInt16LE(code, i * 8);
    instructions.writeUInt8(jt, i * 8 + 2);
    instructions.writeUInt8(jf, i * 8 + 3);
    instructions.writeUInt32LE(k, i * 8 + 4);
  });
  // struct sock_fprog: a count, padding, and a pointer.
  const header = Buffer.alloc(16);
  header.writeUInt16LE(program.length);
  header.writeBigUInt64LE(koffi.address(instructions), 8);
  checked("setsockopt(SO_ATTACH_FILTER)", c.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, header, header.length));
}

/** Sends one message; without `address` to the socket's default peer. */
export function send(fd: number, data: Uint8Array, address?: Uint8Array): void {
  for (;;) {
    const sent = c.sendto(fd, data, data.length, 0, address ?? null, address?.length ?? 0) as number;
    if (sent >= 0) return;
    const errno = koffi.errno();
    if (errno !== EINTR) throw new SystemError("sendto", errno);
  }
}

const sourceLength = Buffer.alloc(4);
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

/**
 * Receives one message into `buffer` and returns its length (longer than the buffer when it was cut), or
 * undefined when none waits. `source`, when given, is filled with the sender's address.
 */
export function receive(
  fd: number,
  buffer: Uint8Array,
  options?: { readonly wait?: boolean; readonly source?: Uint8Array },
): number | undefined {
  const flags = MSG_TRUNC | (options?.wait === true ? 0 : MSG_DONTWAIT);
  const source = options?.source;
  if (source !== undefined) sourceLength.writeUInt32LE(source.length);
  for (;;) {
    const length = c.recvfrom(fd, buffer, buffer.length, flags, source ?? null, source && sourceLength) as number;
    if (length >= 0) return length;
    const errno = koffi.errno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) throw new SystemError("recvfrom", errno);
  }
}

export function closeDescriptor(fd: number): void {
  checked("close", c.close(fd));
}

const CLOCK_BOOTTIME = 7;
const timespec = Buffer.alloc(16);
const timespecView = new BigInt64Array(timespec.buffer, timespec.byteOffset, 2);

/** CLOCK_BOOTTIME in milliseconds with fraction. */
export function bootTimeMs(): number {
  checked("clock_gettime", c.clockGettime(CLOCK_BOOTTIME, timespec));
  return Number(timespecView[0]) * 1_000 + Number(timespecView[1]) / 1e6;
}

/** A timer of CLOCK_BOOTTIME as a descriptor, which can be read from when it has run out; not yet set. */
export function openTimer(): number {
  return checked("timerfd_create", c.timerfdCreate(CLOCK_BOOTTIME, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

const timerValue = new BigInt64Array(4);

/** Lets the timer run out once, after so many milliseconds; 0 stops it. Either way it has not run out any more. */
export function setTimer(fd: number, delayMs: number): void {
  const microseconds = Math.ceil(delayMs * 1_000);
  timerValue[2] = BigInt(Math.floor(microseconds / 1e6));
  timerValue[3] = BigInt((microseconds % 1e6) * 1_000);
  checked("timerfd_settime", c.timerfdSettime(fd, 0, timerValue, null));
}

const SCHED_RR = 2;
const SCHED_RESET_ON_FORK = 0x40000000;

/** Moves the calling thread to SCHED_RR; its children do not inherit it. Throws EPERM without CAP_SYS_NICE. */
export function setRoundRobin(priority: number): void {
  checked("sched_setscheduler", c.schedSetscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, integer(priority)));
}

/** The index of a device, or undefined when there is none of that name. */
export function deviceIndex(name: string): number | undefined {
  const index = c.ifNametoindex(name) as number;
  return index === 0 ? undefined : index;
}

/**
 * Zeroed bytes that never move. The engine keeps small arrays in its own heap, where the garbage collector moves
 * them, so a pointer taken of such an array goes stale.
 */
export function pinned(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(Math.max(bytes, 4_096)), 0, bytes);
}

/** The address of `pinned` bytes, for structures that carry pointers; keep the bytes referenced meanwhile. */
export function pointer(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

const SYS_BPF: Partial<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280, s390x: 351, ppc64: 361 };

/** Gives memory that was freed and kept for later back to the system; where the C library cannot, nothing happens. */
export function trimMemory(): void {
  try {
    libc.func("int malloc_trim(size_t pad)")(0);
  } catch {
    // musl has no such call and keeps little.
  }
}

/** The bpf(2) system call with a filled attribute structure; returns a descriptor or 0. */
export function bpf(command: number, attributes: Uint8Array): number {
  const number = SYS_BPF[process.arch];
  if (number === undefined) throw new SystemError("bpf", constants.errno.ENOSYS);
  return checked("bpf", c.syscall3(number, command, attributes, attributes.length) as number);
}

/** Numbers from 424 on are the same on all architectures. */
const SYS_PIDFD_OPEN = 434;

/** A descriptor of a process, which can be read from once the process has ended; undefined when there is none. */
export function openProcess(pid: number): number | undefined {
  const fd = c.syscall3(SYS_PIDFD_OPEN, pid, null, 0) as number;
  if (fd >= 0) return fd;
  const errno = koffi.errno();
  if (errno === constants.errno.ESRCH) return undefined;
  throw new SystemError("pidfd_open", errno);
}

const RLIMIT_NOFILE = 7;

/** Lets this process and its later children open at least so many files; without the right to, nothing changes. */
export function raiseFileLimit(count: number): void {
  const limits = new BigUint64Array(2);
  checked("prlimit", c.prlimit(0, RLIMIT_NOFILE, null, limits));
  const wanted = BigInt(count);
  if (limits.every((limit) => limit >= wanted)) return;
  c.prlimit(
    0,
    RLIMIT_NOFILE,
    limits.map((limit) => (limit >= wanted ? limit : wanted)),
    null,
  );
}

const WNOHANG = 1;

/** Takes the record of a child that has ended; whose child it is not, or who has not ended, is left alone. */
export function reap(pid: number): void {
  c.waitpid(pid, null, WNOHANG);
}

/** What this thread watches now. */
const watched = new Set<() => void>();

/**
 * Calls `readable` on this thread's event loop whenever the descriptor can be read (level-triggered). Returns
 * a function that ends it, to be called before the descriptor is closed.
 */
export function onReadable(fd: number, readable: () => void): () => void {
  const handle = koffi.node.poll(fd, { readable: true }, called as unknown as () => void);
  // The library passes a status first, which its types leave out.
  function called(status: number): void {
    if (!watched.has(end)) return;
    // A pending socket error (lost notifications, a device that went down) makes libuv stop polling: `readable`
    // meets and thereby clears the error, then polling begins again.
    if (status < 0)
      setImmediate(() => watched.has(end) && handle.start({ readable: true }, called as unknown as () => void));
    readable();
  }
  const end = (): void => {
    if (watched.delete(end)) handle.close();
  };
  watched.add(end);
  return end;
}

/**
 * Ends all watching of this thread; `done` is called when the thread may exit. A thread that exits from within
 * `readable`, or while a descriptor is watched, takes the whole process with it.
 */
export function stopWatching(done: () => void): void {
  for (const end of [...watched]) end();
  // Handles are closed at the end of a round of the event loop.
  setImmediate(() => setImmediate(done));
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
