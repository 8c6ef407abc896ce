/** What a hook sees of the message: reading always, and the editing methods of the declared edits only. */
import type { BodyEdits, Content, HeaderEdits, HeaderView, Message, MessageView, Part } from "../mail/mod.ts";
import type { Slot } from "./compile-pipeline.ts";
import { HookFault } from "./hook-fault.ts";
import type { Stage } from "./stage.ts";
import { DELIVERY_EDITS, editUndeclared } from "./words.ts";

/** Whether a hook of the stage may edit the message at all. */
export const mayEdit = (slot: Slot, stage: Stage): boolean =>
  slot.editsHeader || (slot.editsBody && stage !== "delivery");

/** @param draft the fork that takes the hook's edits; absent: reading only */
export function shownMessage(
  current: Message,
  draft: Message | undefined,
  slot: Slot,
  stage: Stage,
): MessageView {
  if (!draft) return new View(current, stage);
  const editor = draft.editor(slot.plugin.name);
  const view = new View(editor, stage);
  if (slot.editsHeader) Object.assign(view, headerEdits(editor));
  if (slot.editsBody && stage !== "delivery") Object.assign(view, bodyEdits(editor, slot));
  return view;
}

// Literals, and no assignments one by one: V8 gives a function that is assigned to a property the memory of what lasts,
// where it holds the message until the next full collection.
const headerEdits = (editor: HeaderEdits): HeaderEdits => ({
  addField: (name, value, reason, position) => editor.addField(name, value, reason, position),
  addFoldedField: (name, lines, reason) => editor.addFoldedField(name, lines, reason),
  replaceField: (name, value, reason, n) => editor.replaceField(name, value, reason, n),
  removeField: (name, reason, n) => editor.removeField(name, reason, n),
});

const bodyEdits = (editor: BodyEdits, slot: Slot): BodyEdits => ({
  replacePart(part, content, reason) {
    // The root is the whole message, header section and all.
    if (part.start === 0 && !slot.editsHeader) {
      throw new HookFault("to replace the whole message, put 'header' into the plugin's 'edits' too");
    }
    editor.replacePart(part, content, reason);
  },
  removePart: (part, reason) => editor.removePart(part, reason),
  prependText: (addition, reason) => editor.prependText(addition, reason),
  appendText: (addition, reason) => editor.appendText(addition, reason),
});

/** Nothing but the view, as the object behind it has methods that change it; those that a hook lacks say why. */
class View implements MessageView {
  readonly #source: MessageView;
  readonly #stage: Stage;

  constructor(source: MessageView, stage: Stage) {
    this.#source = source;
    this.#stage = stage;
  }

  get size(): number {
    return this.#source.size;
  }
  get header(): HeaderView {
    return this.#source.header;
  }
  get content(): Content {
    return this.#source.content;
  }
  // A property, so that a hook may take it out of the message.
  get structure(): () => Promise<Part> {
    return () => this.#source.structure();
  }

  // Only a declared edit puts a method of its own over one of these.
  addField(): never {
    return this.#noHeaderEdits();
  }
  addFoldedField(): never {
    return this.#noHeaderEdits();
  }
  replaceField(): never {
    return this.#noHeaderEdits();
  }
  removeField(): never {
    return this.#noHeaderEdits();
  }
  replacePart(): never {
    return this.#noBodyEdits();
  }
  removePart(): never {
    return this.#noBodyEdits();
  }
  prependText(): never {
    return this.#noBodyEdits();
  }
  appendText(): never {
    return this.#noBodyEdits();
  }

  #noHeaderEdits(): never {
    throw new HookFault(editUndeclared("header"));
  }
  #noBodyEdits(): never {
    throw new HookFault(this.#stage === "delivery" ? DELIVERY_EDITS : editUndeclared("body"));
  }
}
