/** The door of core/pipeline: facts, plugins, stages, verdicts, the runner and the trace. */
export * from "./compile-pipeline.ts";
export * from "./condition.ts";
export * from "./context.ts";
export * from "./duration.ts";
export * from "./envelope.ts";
export * from "./fact.ts";
export * from "./pipeline.ts";
export * from "./plugin.ts";
export * from "./run-hook.ts";
export * from "./schema.ts";
export * from "./services.ts";
export * from "./stage.ts";
export * from "./trace.ts";
export * from "./trace-record.ts";
export * from "./verdict.ts";
