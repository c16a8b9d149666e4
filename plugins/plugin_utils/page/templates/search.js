// SPDX-FileCopyrightText: 2026 podnet.lab contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// The search of the pages made by podnet.lab. Without script it is not shown, and every page can be read all the same.
// The index is loaded part by part, by script elements: a page from disk may not fetch files. Everything that is
// shown is set as text, never as markup.
"use strict";

(() => {
  const MOST = 50; // things that are shown
  const FILES = 10; // parts of the index that one search loads at most
  const base = new URL(".", document.currentScript.src).href;
  const form = document.getElementById("search");
  const input = document.getElementById("search-words");
  const status = document.getElementById("search-status");
  const list = document.getElementById("search-found");
  const results = document.getElementById("results");
  const parts = new Map();
  const waiting = new Map();
  let files = null;
  let asked = 0;

  // Load one script of the index, once; resolve when it has called back, or has failed to.
  function load(name) {
    if (!waiting.has(name)) {
      waiting.set(name, new Promise((resolve) => {
        const script = document.createElement("script");
        script.src = base + name;
        script.addEventListener("load", resolve);
        script.addEventListener("error", resolve);
        document.head.append(script);
      }));
    }
    return waiting.get(name);
  }

  window.podnetList = (given) => { files = given; };
  window.podnetPart = (number, entries) => { parts.set(number, entries); };

  // Return the numbers of the files in which keys that begin with the word can stand.
  function candidates(word) {
    const end = word + "\uffff";
    const found = [];
    for (let number = 0; number < files.first.length; number++) {
      const next = files.first[number + 1];
      if (files.first[number] <= end && (next === undefined || next >= word)) {
        found.push(number);
      }
    }
    return found;
  }

  // Find entries whose key begins with one of the words, the longest that finds something, and that hold all others.
  async function find(text, mine) {
    await load("index.js");
    if (files === null) {
      return null;
    }
    const words = text.toLowerCase().split(/\s+/).filter(Boolean).sort((one, other) => other.length - one.length);
    let answer = null;
    for (const word of words) {
      answer = await begin(word, words.filter((other) => other !== word), mine);
      if (answer === null || answer.found.length > 0) {
        break;
      }
    }
    return answer;
  }

  // Find entries whose key begins with the word, and that hold the others somewhere; null when another search began.
  async function begin(word, others, mine) {
    const seen = new Set();
    const found = [];
    const numbers = candidates(word);
    for (const number of numbers.slice(0, FILES)) {
      await load(`index-${String(number).padStart(4, "0")}.js`);
      if (mine !== asked) {
        return null;
      }
      for (const [key, kind, thing, page, place] of parts.get(number) || []) {
        const name = files.pages[page][0];
        const whole = `${key} ${kind} ${thing} ${name}`.toLowerCase();
        const mark = `${page} ${place} ${kind} ${thing || key}`;
        if (key.startsWith(word) && others.every((other) => whole.includes(other)) && !seen.has(mark)) {
          seen.add(mark);
          found.push([key, kind, thing, page, place]);
          if (found.length > MOST) {
            return { found, whole: false };
          }
        }
      }
    }
    return { found, whole: numbers.length <= FILES };
  }

  function show(answer) {
    list.replaceChildren();
    if (answer === null) {
      status.textContent = "The index of this report cannot be read: is the folder html beside report.html?";
      return;
    }
    const { found, whole } = answer;
    for (const [key, kind, thing, page, place] of found.slice(0, MOST)) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const about = document.createElement("span");
      const [name, href] = files.pages[page];
      link.href = `${base}${href}#${place}`;
      link.textContent = key;
      about.textContent = ` ${kind}${thing ? `, ${thing}` : ""}${kind === "node" || kind === "Service" ? "" : `, on ${name}`}`;
      item.append(link, about);
      list.append(item);
    }
    const shown = Math.min(found.length, MOST);
    const count = shown === 0 ? "Nothing found" : shown === 1 ? "1 thing found" : `${shown} things found`;
    status.textContent = whole ? `${count}.` : `${count}, and there may be more: type more of the name.`;
  }

  async function search() {
    const text = input.value.trim();
    asked += 1;
    const mine = asked;
    results.hidden = text === "";
    if (text !== "") {
      const answer = await find(text, mine);
      if (mine === asked) {
        show(answer);
      }
    }
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  input.addEventListener("input", search);
  results.addEventListener("keydown", (event) => { if (event.key === "Escape") { input.focus(); } });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.value = "";
      search();
    }
  });
  // A link may bring its words along, as in report.html?find=10.244.1.7
  const given = new URLSearchParams(location.search).get("find");
  if (given) {
    input.value = given;
    search();
  }
})();
