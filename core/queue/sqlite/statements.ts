/** Prepared statements of a connection, each made once. Values are always bound: the text has none of a caller's. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** A value that is bound. */
export type Value = SQLInputValue;

/** See the head of the file. Texts are few: those of filters are put together of fixed parts. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #known = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Changes rows; gives how many. */
  run(sql: string, ...values: readonly Value[]): number {
    return Number(this.#of(sql).run(...values).changes);
  }

  /** The first row. */
  first<Row>(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.#of(sql).get(...values) as Row | undefined;
  }

  /** All rows: the text bounds them. */
  all<Row>(sql: string, ...values: readonly Value[]): Row[] {
    return this.#of(sql).all(...values) as Row[];
  }

  #of(sql: string): StatementSync {
    let statement = this.#known.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      this.#known.set(sql, statement);
    }
    return statement;
  }
}
