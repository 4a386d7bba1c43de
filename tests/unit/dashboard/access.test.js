/** The key with which the page reads: asked for where it is needed, sent with every request, kept in this tab alone. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Access, headersOf } from "../../../services/gateway/dashboard/access.js";

const { fetch } = globalThis;
afterEach(() => { globalThis.fetch = fetch; });

class Element extends EventTarget {
  hidden = true;
  value = "";
  textContent = "";
  focus() {}
}

function page(kept = {}) {
  const parts = { form: new Element(), key: new Element(), note: new Element(), forget: new Element() };
  const storage = {
    getItem: (name) => kept[name] ?? null,
    setItem: (name, value) => { kept[name] = value; },
    removeItem: (name) => { delete kept[name]; },
  };
  const told = [];
  const access = new Access(parts, () => told.push(access.key), storage);
  const give = (key) => {
    parts.key.value = key;
    parts.form.dispatchEvent(new Event("submit", { cancelable: true }));
  };
  return { access, parts, kept, told, give };
}

/** A gateway that lets one key read. */
function gateway(right) {
  const asked = [];
  globalThis.fetch = (url, { headers }) => {
    asked.push(headers);
    const ok = headers.Authorization === `Bearer ${right}`;
    return Promise.resolve({ ok, status: ok ? 200 : 401 });
  };
  return asked;
}

test("the form appears where a key is needed, and goes once one is accepted", async () => {
  const asked = gateway("mk_right"), { access, parts, kept, told, give } = page();
  await access.get("/api/networks");
  assert.equal(parts.form.hidden, false);
  assert.match(parts.note.textContent, /scope read/);
  give("mk_wrong");
  await access.get("/api/networks");
  assert.equal(parts.form.hidden, false);
  assert.match(parts.note.textContent, /does not accept/);
  give(" mk_right ");
  await access.get("/api/networks");
  assert.equal(parts.form.hidden, true);
  assert.deepEqual(told, ["mk_wrong", "mk_right"]);
  assert.deepEqual(asked.map((headers) => headers.Authorization), [undefined, "Bearer mk_wrong", "Bearer mk_right"]);
  assert.deepEqual(kept, { "read-key": "mk_right" });
  assert.equal(parts.key.value, "", "it is not left in the page");
});

test("a key is kept for this tab, and can be forgotten", async () => {
  gateway("mk_right");
  const { access, parts, kept, told } = page({ "read-key": "mk_right" });
  await access.get("/api/networks");
  assert.equal(parts.form.hidden, true);
  parts.forget.dispatchEvent(new Event("click"));
  assert.deepEqual([told, kept, access.key], [[""], {}, ""]);
});

test("a gateway that is open is asked without a key, and no form appears", async () => {
  globalThis.fetch = () => Promise.resolve({ ok: true, status: 200 });
  const { access, parts } = page();
  await access.get("/api/networks");
  assert.equal(parts.form.hidden, true);
  assert.deepEqual(headersOf(""), {});
});
