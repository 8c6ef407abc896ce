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
  return new View(current, draft?.editor(slot.plugin.name), slot, stage);
}

/**
 * Nothing but the view, as the object behind it has methods that change it; those that a hook lacks say why. Methods are
 * made when they are taken, so that a hook may take them out of the message. They are no properties of the view's own:
 * as such they let every message outlive the collections of young garbage.
 */
class View implements MessageView, HeaderEdits, BodyEdits {
  readonly #source: MessageView;
  readonly #editor: (MessageView & HeaderEdits & BodyEdits) | undefined;
  readonly #slot: Slot;
  readonly #stage: Stage;

  constructor(
    current: MessageView,
    editor: (MessageView & HeaderEdits & BodyEdits) | undefined,
    slot: Slot,
    stage: Stage,
  ) {
    this.#source = editor ?? current;
    this.#editor = editor;
    this.#slot = slot;
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
  get structure(): () => Promise<Part> {
    return () => this.#source.structure();
  }

  get addField(): HeaderEdits["addField"] {
    return (...given) => this.#headerEdits().addField(...given);
  }
  get addFoldedField(): HeaderEdits["addFoldedField"] {
    return (...given) => this.#headerEdits().addFoldedField(...given);
  }
  get replaceField(): HeaderEdits["replaceField"] {
    return (...given) => this.#headerEdits().replaceField(...given);
  }
  get removeField(): HeaderEdits["removeField"] {
    return (...given) => this.#headerEdits().removeField(...given);
  }

  get replacePart(): BodyEdits["replacePart"] {
    return (part, content, reason) => {
      const edits = this.#bodyEdits();
      // The root is the whole message, header section and all.
      if (part.start === 0 && !this.#slot.editsHeader) {
        throw new HookFault("to replace the whole message, put 'header' into the plugin's 'edits' too");
      }
      edits.replacePart(part, content, reason);
    };
  }
  get removePart(): BodyEdits["removePart"] {
    return (...given) => this.#bodyEdits().removePart(...given);
  }
  get prependText(): BodyEdits["prependText"] {
    return (...given) => this.#bodyEdits().prependText(...given);
  }
  get appendText(): BodyEdits["appendText"] {
    return (...given) => this.#bodyEdits().appendText(...given);
  }

  #headerEdits(): HeaderEdits {
    if (this.#editor && this.#slot.editsHeader) return this.#editor;
    throw new HookFault(editUndeclared("header"));
  }
  #bodyEdits(): BodyEdits {
    if (this.#editor && this.#slot.editsBody && this.#stage !== "delivery") return this.#editor;
    throw new HookFault(this.#stage === "delivery" ? DELIVERY_EDITS : editUndeclared("body"));
  }
}
