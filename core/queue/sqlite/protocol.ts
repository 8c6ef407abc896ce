/**
 * What the spool and its threads say to each other. Octets cross as bare ArrayBuffers of one owner in the transfer list:
 * inside of a message, or as part of a pool, they would be copied or taken away from others.
 */
import type {
  SpoolFaultCode,
  SpoolFilter,
  SpoolLeaseKey,
  SpoolSettlement,
  SpoolState,
} from "../../gateway/mod.ts";

/** A place where a test ends the process, as a crash would. */
export type CrashPoint = "beforeFile" | "afterFile" | "beforeCommit" | "afterCommit" | "beforeUnlink";

/** A sync that a test leaves out, to see that another test finds it missing. */
export type SyncPoint = "content" | "folder" | "wal";

/** Switches that tests alone set. */
export interface SpoolProbes {
  /** Where the process is killed, and the how many-th time that it comes there. */
  readonly crash?: { readonly at: CrashPoint; readonly pass: number };
  readonly without?: readonly SyncPoint[];
}

/** What a thread is started with. */
export interface ThreadStart {
  readonly role: "write" | "read";
  /** The database file. */
  readonly path: string;
  readonly ballast: string;
  readonly ballastBytes: number;
  /** Below so many free octets of the disk nothing new is stored. */
  readonly reserveBytes: number;
  readonly probes: SpoolProbes;
}

/** A recipient as it is written. */
export interface RecipientRow {
  readonly forwardPath: string;
  readonly destination: string;
  readonly state: "due" | "held";
  readonly nextAt: number;
  readonly reply: string | null;
  readonly reason: string | null;
  /** JSON of all else. */
  readonly data: string;
}

/** A message as it is written; large contents are in their files already. */
export interface MessageRow {
  readonly id: string;
  readonly receivedAt: number;
  readonly reversePath: string;
  /** Octets of the message as it came. */
  readonly bytes: number;
  /** JSON: the message and where its octets are. */
  readonly data: string;
  /** JSON list of content files; null: there are none. */
  readonly files: string | null;
  /** The octets that lie in the database. */
  readonly body: ArrayBuffer;
  readonly recipients: readonly RecipientRow[];
}

/** A change by hand. */
export type ByHand =
  | { readonly how: "hold"; readonly reason: string; readonly until: number; readonly by: string }
  | { readonly how: "release"; readonly by: string }
  | { readonly how: "retry" | "remove" };

/** What is done in a commit. `now` is of the engine's clock. */
export type Operation =
  | { readonly do: "put"; readonly message: MessageRow }
  | {
      readonly do: "lease";
      readonly now: number;
      readonly owner: string;
      readonly token: string;
      readonly expiresAt: number;
      readonly destination: string | undefined;
      readonly recipientsMax: number;
      readonly untriedFirst: boolean;
    }
  | { readonly do: "renew"; readonly lease: SpoolLeaseKey; readonly expiresAt: number }
  | {
      readonly do: "settle";
      readonly lease: SpoolLeaseKey;
      readonly settlements: readonly SpoolSettlement[];
      readonly messages: readonly MessageRow[];
    }
  | { readonly do: "returnLeases"; readonly owner: string | undefined }
  | {
      readonly do: "change";
      readonly now: number;
      readonly filter: SpoolFilter;
      readonly change: ByHand;
      /** Where the slice before ended. */
      readonly after: RowPlace | undefined;
    }
  | { readonly do: "sweep"; readonly now: number; readonly expiredMax: number }
  | { readonly do: "vacuum"; readonly pages: number };

/** Key of a recipient's row. */
export interface RowPlace {
  readonly n: number;
  readonly r: number;
}

/** A message as it is read. */
export interface StoredRow {
  readonly data: string;
  readonly body: ArrayBuffer;
}

/** A recipient as it is read. */
export interface FoundRow extends RowPlace {
  readonly id: string;
  readonly state: SpoolState;
  readonly destination: string;
  readonly reversePath: string;
  readonly forwardPath: string;
  readonly receivedAt: number;
  readonly bytes: number;
  readonly tries: number;
  readonly nextAt: number;
  readonly expiresAt: number | null;
  readonly owner: string | null;
  readonly reply: string | null;
  readonly reason: string | null;
  readonly byHand: string | null;
}

/** A recipient that is lent. */
export interface LentRow {
  readonly r: number;
  readonly attempt: number;
  readonly lapsed: boolean;
  readonly nextAt: number;
  readonly destination: string;
  readonly reply: string | null;
  readonly byHand: string | null;
  readonly data: string;
}

/** What came of an operation. Each has what it is asked for; the rest is empty. */
export interface Outcome {
  readonly count: number;
  /** Of `settle`: whether its messages are stored. */
  readonly stored: boolean;
  /** Destinations where recipients became due. */
  readonly due: readonly string[];
  /** Content files that nothing needs any more. */
  readonly files: readonly string[];
  readonly lent?: {
    readonly id: string;
    readonly message: StoredRow;
    readonly recipients: readonly LentRow[];
  };
  readonly expired?: readonly FoundRow[];
  /** Of `change`: where the next slice begins; absent: it was the last. */
  readonly next?: RowPlace;
}

/** Why an operation was not done. */
export interface Refusal {
  readonly code: SpoolFaultCode;
  readonly message: string;
}

/** One for each operation of a batch, in order. */
export type BatchResult = Outcome | { readonly refused: Refusal };

/** What is looked at, outside of batches. */
export type Look =
  | {
      readonly look: "list";
      readonly filter: SpoolFilter;
      readonly after: { readonly id: string; readonly r: number } | undefined;
      readonly limit: number;
    }
  | { readonly look: "counts" }
  | { readonly look: "destinations"; readonly after: string | undefined; readonly limit: number }
  | { readonly look: "get"; readonly id: string }
  /** The content files of these messages. */
  | { readonly look: "files"; readonly ids: readonly string[] };

/** From the spool to a thread. */
export type Request =
  | { readonly ask: "batch"; readonly operations: readonly Operation[] }
  | { readonly ask: "look"; readonly at: Look }
  | { readonly ask: "close" };

/** From a thread to the spool: one for each request, in order; the first says that the database is open. */
export type Answer =
  | { readonly open: true }
  | { readonly results: readonly BatchResult[]; readonly alarms: readonly string[] }
  | { readonly seen: unknown }
  | { readonly closed: true }
  | { readonly failed: Refusal };
