/**
 * Reads HTTP/1.1 answers from the bytes of one connection, strictly: the load client judges proxies, so it must not be
 * as forgiving as a browser. Bodies are counted and thrown away but for their beginning.
 */

export interface ReadAnswer {
  readonly status: number;
  /** Names in lower case; repeated ones are joined by ", ", but cookies stand in `setCookies`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly bodyBytes: number;
  /** The body's first bytes as text. */
  readonly beginning: string;
  /** The connection can carry another request. */
  readonly isReusable: boolean;
}

const BEGINNING_BYTES = 256;
const LONGEST_HEAD = 64 * 1024;

type Body =
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunks"; left: number; at: "size" | "data" | "data-end" | "trailer" }
  | { readonly kind: "until-close" };

interface Head {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly setCookies: string[];
}

/** One at a time: `begin` before each request, then `read` what arrives until it answers. */
export class AnswerReader {
  #rest: Buffer = Buffer.alloc(0);
  #method = "GET";
  #head: Head | undefined;
  #body: Body | undefined;
  #bytes = 0;
  #beginning = "";

  begin(method: string): void {
    this.#method = method;
    this.#head = undefined;
    this.#body = undefined;
    this.#bytes = 0;
    this.#beginning = "";
  }

  /** Has any byte of the present answer arrived? */
  get hasBegun(): boolean {
    return this.#head !== undefined || this.#rest.length > 0;
  }

  /** Takes bytes; answers when the answer is complete. Throws on bytes that are no HTTP/1.1. */
  read(chunk: Buffer): ReadAnswer | undefined {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#head === undefined) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end < 0) {
        if (this.#rest.length > LONGEST_HEAD) throw new Error("the answer's head does not end");
        return undefined;
      }
      const head = parseHead(this.#rest.toString("latin1", 0, end));
      this.#rest = this.#rest.subarray(end + 4);
      // 100 and 103 come before the answer itself; 101 ends HTTP on this connection.
      if (head.status >= 200 || head.status === 101) this.#head = head;
    }
    this.#body ??= bodyOf(this.#head, this.#method);
    return this.#readBody(this.#body) ? this.#finish(this.#body.kind !== "until-close") : undefined;
  }

  /** The other side closed: an answer without a length is complete then, any other is not. */
  close(): ReadAnswer | undefined {
    return this.#head !== undefined && this.#body?.kind === "until-close" ? this.#finish(false) : undefined;
  }

  /** What arrived behind the answer; after 101 that is another protocol. */
  takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  #finish(isWhole: boolean): ReadAnswer {
    const head = this.#head as Head;
    const connection = head.headers["connection"]?.toLowerCase() ?? "";
    return {
      ...head,
      bodyBytes: this.#bytes,
      beginning: this.#beginning,
      isReusable: isWhole && connection !== "close" && head.status !== 101,
    };
  }

  /** True when the body is complete. */
  #readBody(body: Body): boolean {
    if (body.kind === "until-close") {
      this.#take(this.#rest.length);
      return false;
    }
    if (body.kind === "length") {
      body.left -= this.#take(Math.min(body.left, this.#rest.length));
      return body.left === 0;
    }
    for (;;) {
      if (body.at === "data") {
        body.left -= this.#take(Math.min(body.left, this.#rest.length));
        if (body.left > 0) return false;
        body.at = "data-end";
      }
      const end = this.#rest.indexOf("\r\n");
      if (end < 0) return false;
      const line = this.#rest.toString("latin1", 0, end);
      this.#rest = this.#rest.subarray(end + 2);
      if (body.at === "data-end") {
        if (line !== "") throw new Error("a chunk is longer than it says");
        body.at = "size";
      } else if (body.at === "size") {
        body.left = Number.parseInt(line, 16);
        if (Number.isNaN(body.left)) throw new Error(`"${line}" is no chunk size`);
        body.at = body.left === 0 ? "trailer" : "data";
      } else if (line === "") return true;
    }
  }

  #take(count: number): number {
    if (this.#beginning.length < BEGINNING_BYTES) {
      const wanted = Math.min(count, BEGINNING_BYTES - this.#beginning.length);
      this.#beginning += this.#rest.toString("latin1", 0, wanted);
    }
    this.#bytes += count;
    this.#rest = this.#rest.subarray(count);
    return count;
  }
}

function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})( |$)/.exec(first)?.[1]);
  if (Number.isNaN(status)) throw new Error(`"${first.slice(0, 80)}" is no status line`);
  const headers: Record<string, string> = {};
  const setCookies: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new Error(`"${line.slice(0, 80)}" is no header`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "set-cookie") setCookies.push(value);
    else headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status, headers, setCookies };
}

function bodyOf({ status, headers }: Head, method: string): Body {
  if (method === "HEAD" || status === 204 || status === 304 || status === 101) return { kind: "length", left: 0 };
  if (/chunked/i.test(headers["transfer-encoding"] ?? "")) return { kind: "chunks", left: 0, at: "size" };
  const length = headers["content-length"];
  if (length === undefined) return { kind: "until-close" };
  if (!/^\d+$/.test(length)) throw new Error(`"${length}" is no content length`);
  return { kind: "length", left: Number(length) };
}
