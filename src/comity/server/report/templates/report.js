"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  // Tooltips: what <title> and title= say, at once and in the page's own type. Where scripts are off, or
  // for a screen reader, the titles themselves do.
  const tip = document.createElement("div");
  tip.id = "tip"; tip.hidden = true; tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  let shown = null;
  const textOf = (node) => {
    if (node.dataset.tip !== undefined) return node.dataset.tip;
    const title = node instanceof SVGElement ? [...node.children].find((c) => c.tagName === "title") : null;
    const text = title ? title.textContent : node.getAttribute("title") || "";
    if (!text) return "";
    node.dataset.tip = text;
    node.setAttribute("aria-label", text);
    if (title) title.remove(); else node.removeAttribute("title");
    return text;
  };
  const place = (x, y) => {
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? Math.max(6, y - box.height - 12) : y + 18) + "px";
  };
  const find = (target) => {
    for (let n = target; n && n !== document.body; n = n.parentNode) {
      if (!(n instanceof Element)) return null;
      if (n.hasAttribute("data-map")) return null;
      if (n.dataset && textOf(n)) return n;
    }
    return null;
  };
  // On every movement, not only on entering: after scrolling, the pointer may rest where it already was.
  const point = (event) => {
    const node = find(event.target);
    if (node !== shown) {
      shown = node; tip.hidden = !node;
      if (node) tip.textContent = node.dataset.tip;
    }
    if (node) place(event.clientX, event.clientY);
  };
  document.addEventListener("pointerover", point);
  document.addEventListener("pointermove", point);
  document.addEventListener("scroll", () => { tip.hidden = true; shown = null; }, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { tip.hidden = true; shown = null; } });

  // Maps: the view box is the state; --k keeps symbols and type the same size on the screen.
  for (const svg of document.querySelectorAll("svg[data-map]")) {
    const whole = svg.viewBox.baseVal, W = whole.width, H = whole.height;
    let view = { x: 0, y: 0, w: W }, drag = null, pinch = null;
    const touches = new Map();
    const draw = () => {
      view.w = Math.max(W / 120, Math.min(W, view.w));
      const h = view.w * H / W;
      view.x = Math.max(0, Math.min(W - view.w, view.x));
      view.y = Math.max(0, Math.min(H - h, view.y));
      svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${h}`);
      const wide = svg.clientWidth || 1150;
      svg.style.setProperty("--k", view.w / wide * Math.max(0.72, Math.min(1, wide / 900)));
      // Hatching keeps its width on the screen too.
      for (const hatch of svg.querySelectorAll("pattern"))
        hatch.setAttribute("patternTransform", `rotate(${hatch.dataset.angle}) scale(${view.w / wide})`);
      svg.style.touchAction = view.w < W ? "none" : "pan-y";
    };
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    const zoom = (factor, p = { x: 0.5, y: 0.5 }) => {
      const w = Math.max(W / 120, Math.min(W, view.w * factor)), ratio = H / W;
      view.x += (view.w - w) * p.x; view.y += (view.w - w) * ratio * p.y; view.w = w; draw();
    };
    const shift = (dx, dy) => { view.x += dx * view.w; view.y += dy * view.w * H / W; draw(); };
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault(); zoom(Math.exp(event.deltaY * 0.0022), at(event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => zoom(0.5, at(event)));
    svg.addEventListener("pointerdown", (event) => {
      touches.set(event.pointerId, event); drag = at(event);
      if (touches.size > 1) pinch = spread();
    });
    const spread = () => { const [a, b] = [...touches.values()]; return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); };
    svg.addEventListener("pointermove", (event) => {
      if (!touches.has(event.pointerId)) return;
      touches.set(event.pointerId, event);
      if (touches.size > 1) { const now = spread(); if (pinch) zoom(pinch / now, at(event)); pinch = now; return; }
      if (!drag || view.w >= W) return;
      if (!svg.hasPointerCapture(event.pointerId)) svg.setPointerCapture(event.pointerId);
      const p = at(event); shift(drag.x - p.x, drag.y - p.y); drag = p;
    });
    for (const kind of ["pointerup", "pointercancel", "pointerleave"])
      svg.addEventListener(kind, (event) => { touches.delete(event.pointerId); drag = pinch = null; });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (step && view.w < W) shift(...step);
      else if (event.key === "+" || event.key === "=") zoom(0.7);
      else if (event.key === "-") zoom(1 / 0.7);
      else if (event.key === "0") { view = { x: 0, y: 0, w: W }; draw(); }
      else return;
      event.preventDefault();
    });
    for (const button of svg.closest(".map").querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () => {
        if (button.dataset.zoom === "reset") { view = { x: 0, y: 0, w: W }; draw(); }
        else zoom(button.dataset.zoom === "in" ? 0.6 : 1 / 0.6);
      });
    new ResizeObserver(draw).observe(svg);
    draw();
  }

  // Timeline: zooming widens the rows; scrolling does the rest.
  for (const chart of document.querySelectorAll(".tl")) {
    let factor = 1;
    const set = (next, anchor = 0.5) => {
      const middle = (chart.scrollLeft + chart.clientWidth * anchor) / factor;
      factor = Math.max(1, Math.min(64, next));
      chart.style.setProperty("--zoom", factor);
      chart.classList.toggle("hours", factor >= 3);
      chart.scrollLeft = middle * factor - chart.clientWidth * anchor;
    };
    for (const button of document.querySelectorAll("[data-tl]"))
      button.addEventListener("click", () => set({ in: factor * 2, out: factor / 2, reset: 1 }[button.dataset.tl]));
    chart.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = chart.getBoundingClientRect();
      set(factor * Math.exp(-event.deltaY * 0.004), (event.clientX - box.left) / box.width);
    }, { passive: false });
    chart.addEventListener("keydown", (event) => {
      if (event.key === "+" || event.key === "=") set(factor * 2);
      else if (event.key === "-") set(factor / 2);
      else if (event.key === "0") set(1);
    });
  }

  // Filters: every word must occur in the row.
  const filter = (input, rows) => {
    const words = input.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLocaleLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += !row.hidden;
    }
    input.parentNode.querySelector("output").textContent = words.length ? `${left} of ${rows.length}` : "";
  };
  for (const input of document.querySelectorAll("[data-filter]")) {
    const table = input.closest("details, section").querySelector("tbody");
    input.addEventListener("input", () => filter(input, [...table.rows]));
  }
  for (const input of document.querySelectorAll("[data-filter-cards]"))
    input.addEventListener("input", () => {
      if (input.value) document.querySelectorAll("details.items").forEach((part) => { part.open = true; });
      filter(input, [...document.querySelectorAll(".gallery > li")]);
    });

  // A link to something inside a closed part opens it; printing opens what belongs on paper.
  const open = () => {
    const node = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let n = node; n; n = n.parentElement) if (n.tagName === "DETAILS") n.open = true;
  };
  addEventListener("hashchange", open); open();
  addEventListener("beforeprint", () => document.querySelectorAll("details[data-print]").forEach((d) => { d.open = true; }));
})();
