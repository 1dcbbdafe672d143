"use strict";
(() => {
  const root = document.documentElement;
  const $ = (q, from = document) => from.querySelector(q);
  const $$ = (q, from = document) => [...from.querySelectorAll(q)];
  root.classList.add("has-js");

  // The view's state lives in the URL hash: #anchor?metric=p99&theme=dark.
  const state = { anchor: "", view: new URLSearchParams() };
  function readHash() {
    const [anchor, query] = location.hash.slice(1).split("?");
    state.anchor = anchor;
    if (query !== undefined) state.view = new URLSearchParams(query);
  }
  function writeHash() {
    const query = state.view.toString();
    history.replaceState(null, "", "#" + state.anchor + (query ? "?" + query : ""));
  }
  function set(key, value) {
    if (value) state.view.set(key, value); else state.view.delete(key);
    writeHash();
  }

  // Theme: the script only overrides what the style sheet follows by itself.
  const themes = ["", "dark", "light"];
  function showTheme() {
    const theme = state.view.get("theme") || "";
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    $("#theme").textContent = "Theme: " + (theme || "auto");
  }
  function nextTheme() {
    const i = themes.indexOf(state.view.get("theme") || "");
    set("theme", themes[(i + 1) % themes.length]);
    try { localStorage.setItem("switchyard-theme", state.view.get("theme") || ""); } catch { /* file pages may have no storage */ }
    showTheme();
  }

  // Metric of the matrix.
  function showMetric() {
    const pick = document.getElementById("metric-" + (state.view.get("metric") || "throughput"));
    if (pick) pick.checked = true;
  }

  // Ratios against a chosen baseline instead of each row's best. Both ratios
  // are over the same cases, so the quotient is the ratio asked for.
  function format(r) {
    const a = Math.abs(r);
    if (a >= 1e6 || (a < 0.00995 && a > 0)) return r.toPrecision(2);
    return r.toFixed(a >= 99.5 ? 0 : a >= 9.95 ? 1 : a >= 0.0995 ? 2 : 3);
  }
  const matters = parseFloat($("main").dataset.matters); // a share
  function showBaseline() {
    const name = state.view.get("baseline") || "";
    const select = $("#baseline");
    select.value = name;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
    const col = select.selectedIndex - 1;
    // What speaks of the best must not stand beside ratios over another.
    for (const el of $$(".over")) el.textContent = col < 0 ? "the row’s best" : name;
    for (const el of $$(".based")) el.hidden = col < 0;
    for (const el of $$(".best.ramp")) el.hidden = col >= 0;
    for (const el of $$(".matrix")) el.classList.toggle("against", col >= 0);
    for (const row of $$(".matrix tr")) {
      const cells = $$("td", row).filter(td => $(".ratio", td));
      const base = col >= 0 && cells[col] ? parseFloat(cells[col].dataset.v) : 1;
      for (const td of cells) {
        const out = $(".ratio", td), v = parseFloat(td.dataset.v);
        out.dataset.best ??= out.textContent;
        if (!Number.isFinite(v)) continue;
        const gain = row.closest(".matrix").hasAttribute("data-higher") ? v / base : base / v;
        td.classList.toggle("gain", col >= 0 && gain > 1 + matters);
        out.textContent = col < 0 ? out.dataset.best : Number.isFinite(base) ? format(v / base) + "×" : "no baseline";
      }
    }
  }

  // Filter workloads by name.
  function showFilter() {
    const q = (state.view.get("q") || "").toLowerCase();
    $("#filter").value = state.view.get("q") || "";
    for (const el of $$("[data-workload]")) el.hidden = !el.dataset.workload.toLowerCase().includes(q);
    // What holds nothing else goes with it, and what counts it counts the rest;
    // sums over all workloads are not those of the few.
    for (const box of $$("[data-holds]")) {
      const shown = $$("[data-workload]", box).filter(el => !el.hidden);
      box.hidden = !shown.length;
      const count = $(".count", box);
      if (count && box.tagName === "DETAILS") count.textContent = shown.length;
    }
    for (const sums of $$(".matrix tfoot")) sums.hidden = !!q;
    $("#nothing").textContent = $$(".workload").every(el => el.hidden) ? `No workload has “${q}” in its name.` : "";
  }

  // One model lit up in all charts.
  function light(name) {
    for (const svg of $$("svg.plot")) svg.classList.toggle("lit", !!name);
    for (const g of $$("svg.plot [data-model]")) g.classList.toggle("on", g.dataset.model === name);
  }
  function showModel() {
    const name = state.view.get("model") || "";
    for (const chip of $$("[data-pick]")) chip.setAttribute("aria-pressed", chip.dataset.pick === name);
    light(name);
  }
  for (const chip of $$("[data-pick]")) chip.addEventListener("click", () => {
    set("model", state.view.get("model") === chip.dataset.pick ? "" : chip.dataset.pick);
    showModel();
  });
  document.addEventListener("pointerover", e => {
    const mark = e.target.closest("svg.plot [data-model]");
    if (mark) light(mark.dataset.model);
  });
  document.addEventListener("pointerout", e => {
    if (e.target.closest("svg.plot [data-model]")) light(state.view.get("model") || "");
  });

  // One tab stop per chart; arrow keys walk through its marks.
  for (const svg of $$("svg.plot")) {
    svg.addEventListener("keydown", e => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
      if (!step) return;
      const marks = $$("[data-model]", svg);
      if (!marks.length) return;
      e.preventDefault();
      const at = marks.findIndex(m => m.classList.contains("at"));
      const next = marks[(at + step + marks.length) % marks.length];
      for (const m of marks) m.classList.toggle("at", m === next);
      light(next.dataset.model);
      svg.setAttribute("aria-label", (svg.dataset.label ??= svg.getAttribute("aria-label") || "") + ": " + ($("title", next)?.textContent || next.dataset.model));
    });
    svg.addEventListener("blur", () => light(state.view.get("model") || ""));
  }

  // Sorting: rows of number tables, bodies of the matrix.
  function key(tr, i) {
    const cell = tr.cells[i], v = cell?.dataset.v;
    if (v === undefined) return cell?.textContent.trim() ?? "";
    const n = parseFloat(v);
    return v !== "" && Number.isFinite(n) && /^[-+\d.e]+$/i.test(v) ? n : v;
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a === "" ? 1 : b === "" ? -1 : String(a).localeCompare(String(b), "en", { numeric: true });
  }
  for (const table of $$("table.matrix, table.sortable")) {
    const heads = $$("thead th", table);
    const matrix = table.classList.contains("matrix");
    const items = matrix ? $$("tbody", table) : $$("tbody tr", table);
    heads.forEach((th, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...th.childNodes);
      button.title = "Sort; a third time for the first order";
      th.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "none", descending: "ascending" }[th.getAttribute("aria-sort")] || "descending";
        for (const h of heads) h.removeAttribute("aria-sort");
        let order = items;
        if (next !== "none") {
          th.setAttribute("aria-sort", next);
          const sign = next === "ascending" ? 1 : -1;
          const row = el => matrix ? el.rows[0] : el;
          order = [...items].sort((a, b) => {
            const x = key(row(a), i), y = key(row(b), i);
            const both = typeof x === typeof y && x !== "" && y !== "";
            return both ? sign * compare(x, y) : compare(x, y);
          });
        }
        const parent = matrix ? table : table.tBodies[0];
        const before = matrix ? table.tFoot : null;
        for (const el of order) parent.insertBefore(el, before);
      });
    });
  }

  // Advice: what package advice answers, from the tables of the curves.
  const SI = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""], [1e-3, "m"], [1e-6, "µ"], [1e-9, "n"]];
  const IEC = [[2 ** 40, "Ti"], [2 ** 30, "Gi"], [2 ** 20, "Mi"], [2 ** 10, "Ki"], [1, ""]];
  function fixed(x, digits) { // ties to even
    const k = x * 10 ** digits;
    return (Math.abs(k % 1) === 0.5 ? 2 * Math.round(k / 2) / 10 ** digits : x).toFixed(digits);
  }
  function amount(v, unit) {
    if (!Number.isFinite(v)) return "∞";
    const bytes = unit.endsWith("bytes"), scales = bytes ? IEC : SI;
    if (!bytes) v *= 1e-9;
    if (!v) return "0" + (bytes ? "B" : "s");
    const [scale, prefix] = scales.find(s => v >= 0.99995 * s[0]) || scales.at(-1);
    const x = v / scale;
    const text = x < 0.00095 ? x.toPrecision(2) : fixed(x, x >= 99.95 ? 0 : x >= 9.995 ? 1 : x >= 0.9995 ? 2 : 3);
    return text + prefix + (bytes ? "B" : "s");
  }
  function duration(ns) {
    if (!ns) return "0s";
    if (ns < 1e9) return ns < 1e3 ? ns + "ns" : ns < 1e6 ? ns / 1e3 + "µs" : ns / 1e6 + "ms";
    const h = Math.floor(ns / 3.6e12), m = Math.floor(ns % 3.6e12 / 6e10);
    return (h ? h + "h" : "") + (h || m ? m + "m" : "") + ns % 6e10 / 1e9 + "s";
  }
  function percent(x) {
    return (x >= 0.0995 ? fixed(100 * x, 0) : x >= 0.00095 || !x ? fixed(100 * x, 1).replace(/\.0$/, "") : (100 * x).toPrecision(2)) + " %";
  }
  const list = words => words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words.at(-1);
  const same = (a, b) => a === b || (a > 0 && Math.abs(b / a - 1) < 0.005);
  const linear = (a, b, at) => a + (b - a) * at;
  const geometric = (a, b, at) => Math.exp(linear(Math.log(a), Math.log(b), at));

  // What a model has at x: an estimate, or why there is none. That reason is
  // for good where no measurement would give one.
  function estimate(curve, rows, th, x) {
    let below, above, failed = "", never = "";
    for (const row of rows) {
      const d = row.td[th.cellIndex - 1].dataset;
      if (d.v === undefined && d.few === undefined) {
        failed ||= d.failed || "";
        if (row.x <= x) never ||= d.skipped || "";
        continue;
      }
      const at = { ...row, v: +d.v, lo: +d.lo, hi: +d.hi, few: d.few !== undefined };
      if (same(row.x, x)) return at.few ? { why: "too few results at " + row.case } : at;
      if (row.x < x) below = at; else above ??= at;
    }
    const key = curve.key, share = curve.share !== undefined;
    if (!below && !above && th.dataset.none) return { why: th.dataset.none, good: true };
    if (!above && never) return { why: never, good: true };
    if (!below && !above) return { why: failed || "not measured" };
    if (!below) return { why: `measured from ${key}=${above.size} on` };
    if (!above) return { why: `measured up to ${key}=${below.size}` };
    if (below.few || above.few) return { why: "too few results" };
    if (!share && !(below.x > 0 && above.x / below.x <= farthest)) return { why: `measured at ${key}=${below.size} and ${above.size} only` };
    const straight = (x - below.x) / (above.x - below.x);
    const bent = below.x > 0 && !share ? Math.log(x / below.x) / Math.log(above.x / below.x) : straight;
    return {
      v: geometric(below.v, above.v, bent),
      lo: Math.min(linear(below.lo, above.lo, straight), geometric(below.lo, above.lo, bent)),
      hi: Math.max(linear(below.hi, above.hi, straight), geometric(below.hi, above.hi, bent)),
    };
  }
  function around(rows, x) {
    for (const [i, row] of rows.entries()) {
      if (same(row.x, x)) return "at " + row.size;
      if (row.x > x) return i ? `between ${rows[i - 1].size} and ${row.size}` : `from ${row.size} on`;
    }
    return "up to " + rows.at(-1).size;
  }

  const advise = $("#advise");
  const matter = +advise?.dataset.matters, farthest = +advise?.dataset.farthest;
  function aspect(name, ask, of, x, limit) {
    const s = { ask, of, models: [], best: [], why: "", where: "", lacks: false, limit };
    for (const el of $$(`.curve[data-ask=${name}]`, advise)) {
      const curve = el.dataset;
      if (curve.key === undefined) {
        s.why = curve.name + " was not measured";
        s.lacks = true;
        continue;
      }
      const rows = $$("tbody tr", el).map(tr => ({ x: +tr.cells[0].dataset.x, size: tr.cells[0].textContent, case: tr.cells[0].dataset.case, td: $$("td", tr) }));
      Object.assign(s, { why: "", unit: curve.unit, where: `${curve.name} ${curve.key} ${around(rows, x)}${curve.cpus ? " on " + curve.cpus : ""}` });
      s.models = $$("thead th[data-model]", el).map(th => ({ name: th.dataset.model, beside: th.dataset.beside !== undefined, ...estimate(curve, rows, th, x) }));
      s.lacks = s.models.some(m => m.why && !m.good && !m.beside);
      if (!s.lacks) break;
    }
    const rivals = s.models.filter(m => !m.why && !m.beside);
    const best = Math.min(...rivals.map(m => m.hi));
    for (const m of rivals) m.behind = m.lo > best * (1 + matter);
    s.best = rivals.filter(m => !m.behind).map(m => m.name);
    if (!rivals.length) s.why ||= "no model has an estimate there";
    if (limit !== undefined) { // all that memory decides is what there is too little of
      s.best = [];
      for (const m of s.models) m.behind = limit > 0 && !m.why && m.lo > limit;
    }
    return s;
  }
  function aspectsOf(q) {
    const out = [];
    if (q.task > 0 && !(q.io >= 1)) {
      const ns = Math.round(q.task * (1 - (q.io || 0)));
      out.push(aspect("task", `a task that computes for ${duration(ns)}`, "time per task", ns));
    }
    if (q.io !== undefined) out.push(aspect("io", `a task that waits for ${percent(q.io)} of its time`, "time per task", 100 * q.io));
    if (q.payload > 0) out.push(aspect("payload", `a message of ${amount(q.payload, "bytes")} and its answer`, "time per round trip", q.payload));
    if (q.concurrency > 0) {
      out.push(aspect("wait", `${q.concurrency} that wait at once`, "CPU time per wait", q.concurrency));
      out.push(aspect("memory", `${q.concurrency} that are there at once`, "memory of all", q.concurrency, q.memory || 0));
    }
    return out;
  }
  function headline(all) {
    const large = all.flatMap(s => s.limit === undefined ? [] : s.models.filter(m => m.behind).map(m => m.name));
    const told = all.filter(s => s.best.length);
    const best = (told[0]?.best || []).filter(m => told.every(s => s.best.includes(m)) && !large.includes(m));
    let text = "Not decided: " + told.map(s => s.best.join(" or ") + " for " + s.ask).join("; ") + ".";
    if (!all.length) text = "Nothing was asked.";
    else if (!told.length) text = "Nothing asked can be answered from these results.";
    else if (best.length > 1) text = "Not decided between " + list(best) + ".";
    else if (best.length) text = all.some(s => s.why || s.lacks) ? `Not decided: ${best[0]} is ahead, and part of the question was not measured.` : best[0] + ".";
    return text + (large.length ? " Too large for the memory: " + list(large) + "." : "");
  }
  function note(m, s) {
    if (s.limit > 0 && m.behind) return "more than " + amount(s.limit, "bytes");
    return m.beside ? "shown only" : m.behind ? "behind" : s.best.length === 1 ? "best" : s.best.length ? "undecided" : "";
  }
  function showAdvice() {
    const form = $("#ask"), answer = $("#answer");
    const read = (name, factor) => form[name].value === "" ? undefined : form[name].valueAsNumber * factor;
    const q = { task: Math.round(read("task", 1e3) || 0), concurrency: read("concurrency", 1), payload: read("payload", 1), memory: read("memory", 2 ** 20) };
    q.io = form.io.value === "" ? undefined : form.io.valueAsNumber / 100;
    const add = (to, tag, text) => { const el = document.createElement(tag); if (text !== undefined) el.textContent = text; to.append(el); return el; };
    answer.replaceChildren();
    if (!form.checkValidity()) { add(answer, "p", "A number is out of its range."); return; }
    if (q.memory > 0 && !q.concurrency) { add(answer, "p", "Say how many share the memory."); return; }
    const all = aspectsOf(q);
    add(add(answer, "p"), "b", headline(all));
    for (const s of all) {
      add(answer, "h3", s.ask[0].toUpperCase() + s.ask.slice(1) + ": " + s.of + (s.where ? ` (${s.where})` : ""));
      if (s.why) add(answer, "p", s.why);
      if (!s.models.length) continue;
      const table = add(answer, "table");
      table.className = "numbers";
      const body = add(table, "tbody");
      for (const m of s.models) {
        const tr = add(body, "tr");
        add(tr, "th", m.name).scope = "row";
        for (const text of m.why ? ["-", m.why, ""] : [amount(m.v, s.unit), amount(m.lo, s.unit) + " to " + amount(m.hi, s.unit), note(m, s)]) add(tr, "td", text);
      }
    }
  }
  $("#ask")?.addEventListener("input", showAdvice);
  $("#ask")?.addEventListener("submit", e => e.preventDefault());

  // Downloads, from the results embedded in the page.
  function save(name, type, text) {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([text], { type }));
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 10000);
  }
  function csv(data) {
    // A leading =, +, - or @ would be a formula to a spreadsheet.
    const quote = s => '"' + String(s).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""') + '"';
    const lines = ["workload,case,model,cpus,line,block,iterations,unit,value"];
    for (const c of data.cells) for (const r of c.results || []) (c.units || []).forEach((u, i) => {
      if (r[3 + i] !== null) lines.push([quote(c.workload), quote(c.case), quote(c.model), c.cpus || "", r[0], r[1], r[2], quote(u), r[3 + i]].join(","));
    });
    return lines.join("\n") + "\n";
  }
  const results = () => $("#results").textContent;
  $("#save-json").addEventListener("click", () => save("switchyard.json", "application/json", results()));
  $("#save-csv").addEventListener("click", () => save("switchyard.csv", "text/csv", csv(JSON.parse(results()))));

  // Anchors: a case's anchor picks the case and scrolls to its charts.
  function go() {
    const el = state.anchor && document.getElementById(state.anchor);
    if (!el) return;
    if (el.closest("[hidden]")) { // a link leads to what the filter hides
      state.view.delete("q");
      writeHash();
      showFilter();
    }
    for (let box = el.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (el.matches("input[name=metric]")) {
      state.anchor = "matrix";
      set("metric", el.value === "throughput" ? "" : el.value);
      showMetric();
      $("#matrix").scrollIntoView();
    } else if (el.matches("input.pick")) {
      el.checked = true;
      el.closest(".cases").scrollIntoView();
    } else if (state.view.toString()) {
      el.scrollIntoView();
    }
  }
  // A browser may not scroll again to where it is, nor say that the hash is new.
  document.addEventListener("click", e => {
    const link = e.target.closest("a[href^='#']");
    if (link && !e.ctrlKey && !e.metaKey && !e.shiftKey) { state.anchor = link.hash.slice(1); go(); }
  });
  for (const pick of $$("input.pick")) pick.addEventListener("change", () => {
    if (pick.name === "metric") set("metric", pick.value === "throughput" ? "" : pick.value);
    else { state.anchor = pick.value; writeHash(); }
  });
  $("#tools").addEventListener("submit", e => e.preventDefault());
  $("#theme").addEventListener("click", nextTheme);
  $("#baseline").addEventListener("change", e => { set("baseline", e.target.selectedIndex ? e.target.value : ""); showBaseline(); });
  $("#filter").addEventListener("input", e => { set("q", e.target.value); showFilter(); });
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input[type=search], input[type=number], select")) return;
    if (e.key === "/") { e.preventDefault(); $("#filter").focus(); }
    if (e.key === "t") nextTheme();
    if (e.key === "m") {
      const picks = $$("input[name=metric]");
      const at = picks.findIndex(p => p.checked);
      set("metric", picks[(at + 1) % picks.length].value);
      showMetric();
    }
  });

  function show() {
    readHash();
    showTheme(); showMetric(); showBaseline(); showFilter(); showModel();
    writeHash();
    go();
  }
  addEventListener("hashchange", show);
  readHash();
  if (!state.view.has("theme")) {
    try { const t = localStorage.getItem("switchyard-theme"); if (t) state.view.set("theme", t); } catch { /* no storage */ }
  }
  show();
})();
