/** The key with which the page reads, where the gateway asks for one. It is kept until the tab closes, nowhere else. */

const KEPT = "read-key";
const DENIED = [401, 403];

/** What is sent with every request. */
export const headersOf = (key) => (key ? { Authorization: `Bearer ${key}` } : {});

export class Access {
  /**
   * @param {{form: HTMLElement, key: HTMLInputElement, note: HTMLElement, forget: HTMLElement}} parts of the page
   * @param {() => void} onKey called when a key was given or forgotten
   */
  constructor(parts, onKey, kept = sessionStorage) {
    Object.assign(this, { parts, onKey, kept });
    this.key = kept.getItem(KEPT) ?? "";
    parts.forget.hidden = !this.key;
    parts.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = parts.key.value.trim();
      if (given) this.#become(given);
    });
    parts.forget.addEventListener("click", () => this.#become(""));
  }

  /** Ask the gateway with the key, and show the form where that is not enough. */
  async get(url) {
    const key = this.key, answer = await fetch(url, { headers: headersOf(key) });
    if (DENIED.includes(answer.status) && key === this.key) this.deny();
    // Who is let in and has to wait is let in.
    else if (!DENIED.includes(answer.status)) this.parts.form.hidden = true;
    return answer;
  }

  /** The gateway does not let the page read. */
  deny() {
    const { form, note, forget } = this.parts;
    note.textContent = this.key
      ? "The gateway does not accept this key: it is unknown, expired, or may not read."
      : "This gateway shows its data to holders of a key with the scope read.";
    forget.hidden = !this.key;
    if (!form.hidden) return;
    form.hidden = false;
    this.parts.key.focus();
  }

  #become(key) {
    this.key = key;
    if (key) this.kept.setItem(KEPT, key);
    else this.kept.removeItem(KEPT);
    this.parts.key.value = "";
    this.parts.forget.hidden = !key;
    this.parts.note.textContent = key ? "Asking the gateway…" : "The key is forgotten.";
    this.onKey();
  }
}
