/** What the macros of SPF stand for (RFC 7208 7.2 and 7.3), and the names that they make. */
import { addressOctets, reverseName } from "postern";
import { expandMacros, type MacroString, type MacroValues, usesLetter } from "./macro-string.ts";

/** Whom a check is about, as macros tell it. */
export interface Sender {
  /** The client's address. */
  readonly ip: string;
  /** Of the sender; "" reads as postmaster. */
  readonly localPart: string;
  /** Of the sender, in A-labels (RFC 8616 4). */
  readonly senderDomain: string;
  /** As the client gave it. */
  readonly helo: string;
  /** Our own name, as strangers may know it. */
  readonly receiver: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

const LABEL_OCTETS_MAX = 63;
const NAME_OCTETS_MAX = 253;

/** Whether DNS can be asked for a name (RFC 1035 2.3.4). Single labels can. */
export function isQueryName(name: string): boolean {
  if (name === "" || name.length > NAME_OCTETS_MAX) return false;
  let from = 0;
  for (let at = 0; at <= name.length; at++) {
    if (at < name.length && name.charCodeAt(at) !== 0x2e) continue;
    if (at === from || at - from > LABEL_OCTETS_MAX) return false;
    from = at + 1;
  }
  return true;
}

/** The macros of one check. */
export class SpfMacros {
  /** RFC 8616 4: a local part beyond ASCII can not be part of a name; what asks for one matches nothing. */
  readonly isLocalPartLost: boolean;
  readonly #sender: Sender;
  readonly #localPart: string;

  constructor(sender: Sender) {
    this.#sender = sender;
    // RFC 7208 4.3
    this.#localPart = sender.localPart === "" ? "postmaster" : sender.localPart;
    this.isLocalPartLost = /[^\0-\x7f]/.test(this.#localPart);
  }

  /** The beginning of a text. @param clientName what `%{p}` stands for */
  text(macros: MacroString, domain: string, clientName: string, charactersMax: number): string {
    return expandMacros(macros, this.#values(domain, clientName), charactersMax, "begin");
  }

  /** The name that macros stand for; undefined where DNS can not be asked for it. */
  name(macros: MacroString, domain: string, clientName: string): string | undefined {
    if (this.isLocalPartLost && usesLetter(macros, "sl")) return undefined;
    let name = expandMacros(macros, this.#values(domain, clientName), NAME_OCTETS_MAX + 1, "end");
    if (name.endsWith(".")) name = name.slice(0, -1);
    // RFC 7208 7.3: labels go from the left until the rest fits.
    if (name.length > NAME_OCTETS_MAX) {
      const dot = name.indexOf(".", name.length - NAME_OCTETS_MAX - 1);
      name = dot < 0 ? "" : name.slice(dot + 1);
    }
    // From HELO and local parts: what no query holds as it is written.
    return isQueryName(name) && /^[ -~]*$/.test(name) ? name : undefined;
  }

  /** The name of the client's PTR records (RFC 1035 3.5, RFC 3596 2.5). */
  reverseName(): string {
    return reverseName(this.#sender.ip) ?? "";
  }

  #octets(): readonly number[] {
    return addressOctets(this.#sender.ip) ?? [];
  }

  /** RFC 7208 7.3: an IPv6 address by its 32 nibbles. */
  #dotted(): string {
    const octets = this.#octets();
    if (octets.length === 4) return octets.join(".");
    return octets.map((octet) => `${(octet >> 4).toString(16)}.${(octet & 15).toString(16)}`).join(".");
  }

  #values(domain: string, clientName: string): MacroValues {
    const { senderDomain, helo, receiver, now, ip } = this.#sender;
    return (letter) => {
      switch (letter) {
        case "s":
          return `${this.#localPart}@${senderDomain}`;
        case "l":
          return this.#localPart;
        case "o":
          return senderDomain;
        case "d":
          return domain;
        case "i":
          return this.#dotted();
        case "p":
          return clientName;
        case "v":
          return this.#octets().length === 4 ? "in-addr" : "ip6";
        case "h":
          return helo;
        case "c":
          return ip;
        case "r":
          return receiver;
        case "t":
          return String(Math.floor(now / 1000));
        default:
          return "";
      }
    };
  }
}
