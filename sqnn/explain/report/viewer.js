// The viewer of an explanation: one story (story.py says what is in it), drawn without any library.
// A page calls `show(element, story)`; in a notebook anywidget calls `render` of the default export.

const SVG = "http://www.w3.org/2000/svg";
const MOST_LETTERS = 14, MOST_CHOSEN = 4, MOST_MAPS = 16, PLAY_MS = 700;
const TYPES = { u8: Uint8Array, u16: Uint16Array, i16: Int16Array, i32: Int32Array, f32: Float32Array };

/** Make an element; "svg:" before the tag makes one of SVG, `on...` listens, null leaves an attribute out. */
function make(tag, attributes = {}, ...children) {
  const drawn = tag.startsWith("svg:");
  const node = drawn ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Read a packed array: {dtype, shape, data in base64, scale}; bits are eight to a byte, the first highest. */
function unpack(packed) {
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const size = packed.shape.reduce((product, side) => product * side, 1);
  let values;
  if (packed.dtype === "bits") {
    values = new Uint8Array(size);
    for (let i = 0; i < size; i++) values[i] = (bytes[i >> 3] >> (7 - (i & 7))) & 1;
  } else values = new TYPES[packed.dtype](bytes.buffer);
  if (packed.scale !== undefined) values = Float32Array.from(values, (value) => value * packed.scale);
  return { shape: packed.shape, values };
}

const row = (array, index) => {
  const size = array.values.length / array.shape[0];
  return array.values.subarray(index * size, (index + 1) * size);
};
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const range = (count) => Array.from({ length: count }, (_, i) => i);
const percent = (share) => `${(100 * share).toFixed(share === 1 || (share > 0.0995 && share < 0.9995) ? 0 : 1)} %`;
const number = (value) => {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (size !== 0 && size < 0.001) return value.toExponential(0);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 1 ? 2 : 3)));
};
const signed = (value) => (value >= 0 ? "+" : "−") + number(Math.abs(value));
const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
/** Heights of lines of text that are at least 11 pixels apart, the lowest where it is, but none below `bottom`. */
const apart = (heights, bottom) => {
  const places = [...heights];
  range(places.length).sort((a, b) => heights[b] - heights[a]).reduce((free, k) => (places[k] = Math.min(places[k], free)) - 11, bottom);
  return places;
};
const argmax = (values) => values.reduce((best, value, i) => (value > values[best] ? i : best), 0);

/** What the user has chosen, and who draws anew when a part of it changes. */
class State {
  constructor(values) {
    Object.assign(this, values);
    this.watchers = [];
  }
  /** Draw now and after every change of one of `keys`; with `host`, when its size changes, and until it is gone. */
  watch(keys, drawn, host) {
    const draw = host ? () => { if (host.clientWidth) drawn(); } : drawn;
    const watcher = { keys, draw, host, stood: false };
    this.watchers.push(watcher);
    if (!host) return draw();
    watcher.observer = new ResizeObserver(() => {
      watcher.stood ||= host.isConnected;
      requestAnimationFrame(draw);
    });
    return watcher.observer.observe(host);
  }
  set(changes) {
    const keys = Object.keys(changes).filter((key) => this[key] !== changes[key]);
    Object.assign(this, changes);
    this.watchers = this.watchers.filter((one) => !one.stood || one.host.isConnected || one.observer.disconnect());
    for (const watcher of this.watchers) {
      if (watcher.keys.some((key) => keys.includes(key)) && (!watcher.host || watcher.stood)) watcher.draw();
    }
  }
  stop() {
    this.watchers.forEach((watcher) => watcher.observer && watcher.observer.disconnect());
    this.watchers = [];
  }
}

class Viewer {
  constructor(root, story, send) {
    Object.assign(this, { root, story, send, T: story.timesteps });
    this.image = unpack(story.image);
    this.steps = unpack(story.steps);
    this.state = new State({ t: this.T - 1, zoom: "all", theme: "", deleted: 0, chosen: [] });
    this.listeners = new AbortController();
  }

  /** A colour of the style sheet as [red, green, blue]. */
  colour(name) {
    const text = getComputedStyle(this.root).getPropertyValue(`--${name}`).trim();
    return [1, 3, 5].map((place) => parseInt(text.slice(place, place + 2), 16));
  }

  /** A signed share in -1 .. 1 between the ground and the colour of its sign. */
  shade(share, ground, positive, negative) {
    const end = share >= 0 ? positive : negative;
    const mix = Math.sqrt(clamp(Math.abs(share), 0, 1));
    return ground.map((value, i) => Math.round(value + mix * (end[i] - value)));
  }

  /** A picture of `rows` x `columns` pixels, whose colours `paint(place)` gives as [red, green, blue]. */
  paint(canvas, rows, columns, paint) {
    canvas.width = columns;
    canvas.height = rows;
    const context = canvas.getContext("2d"), data = context.createImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) {
      const [red, green, blue] = paint(i);
      data.data.set([red, green, blue, 255], 4 * i);
    }
    context.putImageData(data, 0, 0);
  }

  /** The paint of a picture [channels, height, width] of 0 .. 255. */
  grey(values, size) {
    const coloured = values.length === 3 * size;
    const channels = values.length / size;
    if (coloured) return (i) => [values[i], values[i + size], values[i + 2 * size]];
    return (i) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += values[i + c * size];
      const level = Math.min(255, sum);
      return [level, level, level];
    };
  }

  /** A drawing that fills the width of its place and is made anew whenever one of `keys` changes. */
  chart(label, height, draw, keys) {
    const host = make("div", { class: "chart" });
    this.state.watch(keys, () => {
      const width = host.clientWidth;
      const high = typeof height === "function" ? height(width) : height;
      const svg = make("svg:svg", { viewBox: `0 0 ${width} ${high}`, width, height: high, role: "img" },
        make("svg:title", {}, label), draw(width, high));
      host.replaceChildren(svg);
    }, host);
    return host;
  }

  /** The steps that the zoom shows: the first, the last, and how wide one is on `width` pixels from `left`. */
  window(left, width) {
    const [first, last] = this.state.zoom === "all" ? [0, this.T - 1] : this.state.zoom;
    const step = (width - left) / (last - first + 1);
    return { first, last, step, x: (t) => left + (t - first) * step };
  }

  section(id, number, title, lead, ...content) {
    const place = this.story.sections[id];
    const body = place.absent ? [make("p", { class: "absent" }, `Not here: ${place.absent}.`)] : content;
    return make("section", { id: `sqnn-${id}`, "aria-labelledby": `sqnn-${id}-title` },
      make("h2", { id: `sqnn-${id}-title` }, make("span", { class: "count" }, number), title),
      place.absent ? null : make("p", { class: "lead" }, lead), ...body);
  }

  show() {
    const { story, root } = this;
    root.classList.add("sqnn");
    const parts = [["answer", "The answer"], ["time", "Through time"], ["head", "The quantum head"],
      ["pixels", "Which pixels"], ["ledger", "The ledger"], ["rule", "The rule"], ["what_if", "What if"],
      ["made", "How this was made"]];
    this.follow_theme();
    const drawn = parts.filter(([id]) => story.sections[id]);
    root.replaceChildren(
      make("header", {},
        make("h1", {}, story.title),
        make("p", { class: "lead" }, story.subtitle),
        make("nav", { "aria-label": "Sections" },
          drawn.map(([id, title]) => make("a", { href: `#sqnn-${id}` }, title)),
          make("button", { type: "button", class: "plain", onclick: () => this.turn_theme() }, "light / dark"))),
      this.T > 1 ? this.time_bar() : "");
    root.append(make("main", {}, drawn.map(([id, title], i) => {
      const part = story.sections[id];
      return part.absent ? this.section(id, i + 1, title) : this[`show_${id}`](part, id, i + 1, title);
    })));
  }

  stop() {
    clearInterval(this.timer);
    this.listeners.abort();
    this.state.stop();
  }
  /** In a notebook: another story of the same image, at the same step. */
  retell(story) {
    const { t, zoom, theme } = this.state;
    const chosen = this.state.chosen.map(({ layer, place }) => ({ name: layer.name, place }));
    this.stop();
    const viewer = new Viewer(this.root, story, this.send);
    Object.assign(viewer.state, { t, zoom, theme });
    viewer.wished = chosen;
    const focused = this.root.contains(document.activeElement);
    viewer.show();
    if (focused) this.root.focus();
    return viewer;
  }

  // Light and dark, time.

  follow_theme() {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const notebook = document.body.dataset.jpThemeLight;
    const now = () => (notebook === undefined ? dark.matches : notebook === "false") ? "dark" : "light";
    this.set_theme(this.state.theme || now());
    dark.addEventListener("change", () => this.set_theme(now()), { signal: this.listeners.signal });
  }
  turn_theme() {
    this.set_theme(this.state.theme === "dark" ? "light" : "dark");
  }
  set_theme(theme) {
    this.root.dataset.theme = theme;
    this.state.set({ theme });
  }

  time_bar() {
    const play = make("button", { type: "button", class: "play", onclick: () => this.play() }, "");
    const slider = make("input", { type: "range", min: 1, max: this.T, step: 1, class: "time", "aria-label": "time step",
      oninput: (event) => this.state.set({ t: Number(event.target.value) - 1 }) });
    const text = make("output", { class: "step" });
    this.state.watch(["t"], () => {
      slider.value = this.state.t + 1;
      text.textContent = `step ${this.state.t + 1} of ${this.T}`;
    });
    this.state.watch(["playing"], () => {
      play.textContent = this.state.playing ? "❚❚" : "▶";
      play.setAttribute("aria-label", this.state.playing ? "pause" : "play");
    });
    const inside = this.send ? this.root : document;
    if (this.send) this.root.tabIndex = 0;
    inside.addEventListener("keydown", (event) => this.key(event), { signal: this.listeners.signal });
    return make("div", { class: "time-bar" }, play, slider, text, make("span", { class: "hint" }, "arrows: time, space: play"));
  }
  play() {
    clearInterval(this.timer);
    const playing = !this.state.playing;
    this.state.set({ playing });
    if (playing) this.timer = setInterval(() => this.state.set({ t: (this.state.t + 1) % this.T }), PLAY_MS);
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target.closest ? event.target : document.body;
    const moves = { ArrowLeft: this.state.t - 1, ArrowRight: this.state.t + 1, Home: 0, End: this.T - 1 };
    if (event.key in moves && !at.closest("input, select, textarea")) {
      this.state.set({ t: clamp(moves[event.key], 0, this.T - 1) });
    } else if (event.key === " " && !at.closest("button, select, textarea, summary, a, input:not(.time)")) this.play();
    else return;
    event.preventDefault();
  }

  // 1: the answer.

  name(k) {
    return this.story.classes[k];
  }
  /** Probabilities after the step of the slider, or the final ones where the network answers once. */
  probabilities() {
    const { answer } = this.story.sections;
    return this.anytime ? row(this.anytime, this.state.t) : answer.probabilities;
  }
  show_answer(part, id, count, title) {
    const { story, state } = this;
    this.anytime = unpack(part.anytime && part.anytime.probabilities);
    const right = story.label === null ? "" : story.label === story.predicted ? ", which is right" : `, but it is ${this.name(story.label)}`;
    const lead = [make("strong", {}, `The network says ${this.name(story.predicted)}`), right,
      `. The runner-up is ${this.name(story.runner_up)}, ${number(part.margin)} behind in the logit`,
      part.anytime ? `; the answer has not changed since step ${part.anytime.decided}.` : ".",
      story.target === story.predicted ? null : ` What follows explains the logit of ${this.name(story.target)}.`];
    return this.section(id, count, title, lead,
      make("div", { class: "row" },
        make("figure", {}, this.picture(), make("figcaption", {}, this.steps ? "the image, and what enters at this step" : "the image")),
        make("div", { class: "grow" }, part.changed ? make("p", { class: "told", role: "status" }, part.changed) : null, this.bars(part), part.anytime ? this.anytime_chart(part.anytime) : null),
        make("table", { class: "facts" }, make("caption", {}, "What it cost"),
          part.costs.map((cost) => make("tr", {}, make("th", { scope: "row" }, cost.name),
            make("td", {}, number(cost.value), cost.unit ? ` ${cost.unit}` : "", cost.note ? make("small", {}, cost.note) : null))))));
  }
  picture() {
    const framed = this.image.shape.length === 4;
    const [rows, columns] = this.image.shape.slice(-2);
    const whole = make("canvas", { class: "picture", role: "img", "aria-label": "the image" });
    const entering = this.steps ? make("canvas", { class: "picture", role: "img", "aria-label": "input of this step" }) : null;
    this.state.watch(["t"], () => {
      const shown = framed ? row(this.image, this.state.t) : this.image.values;
      this.paint(whole, rows, columns, this.grey(shown, rows * columns));
      if (entering) this.paint(entering, rows, columns, this.grey(row(this.steps, this.state.t), rows * columns));
    });
    return make("div", { class: "pair" }, whole, entering);
  }
  bars(part) {
    const host = make("div", { class: "bars" });
    this.state.watch(["t"], () => {
      const shares = this.probabilities();
      host.replaceChildren(...this.story.classes.map((name, k) => this.bar(name, shares[k], k, (part.before || part.probabilities)[k])));
    });
    return host;
  }
  bar(name, share, k, final) {
    const { predicted, label } = this.story;
    return make("div", { class: k === predicted ? "bar-row said" : "bar-row" },
      make("span", { class: "bar-name" }, name, k === label ? make("small", {}, " true") : null),
      make("span", { class: "track" },
        make("span", { class: "fill", style: { width: `${100 * share}%` } }),
        final === undefined ? null : make("span", { class: "tick", style: { left: `${100 * final}%` }, title: `at the end: ${percent(final)}` })),
      make("span", { class: "bar-value" }, percent(share)));
  }
  anytime_chart(anytime) {
    const { predicted, runner_up, target, label } = this.story;
    const kept = [...new Set([predicted, runner_up, target, label])].filter((k) => k !== null);
    const lines = kept.map((k) => ({ name: this.name(k) + (k === label && k !== predicted ? " true" : ""), values: range(this.T).map((t) => row(this.anytime, t)[k]),
      kind: k === predicted ? "first" : "second" }));
    return make("div", {}, this.lines("probability after each step", 110, lines, 0, 1, [0, 0.5, 1]),
      make("p", { class: "note" }, anytime.decoding));
  }
  /** Lines over the steps, with the step of the slider; `level` is a dashed line. */
  lines(label, height, lines, low, high, ticks, level, marks) {
    const left = 40, bottom = 18, told = lines.map(({ name }) => (name === undefined ? null : name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name));
    const right = Math.max(8, ...told.map((name) => (name ? 10 + 7 * name.length : 0)));
    return this.chart(label, height, (width, high_px) => {
      const view = this.window(left, width - right);
      const y = (value) => 6 + (1 - (value - low) / (high - low || 1)) * (high_px - bottom - 10);
      const inside = range(this.T).filter((t) => t >= view.first && t <= view.last);
      const x = (t) => view.x(t) + view.step / 2;
      const labels = apart(ticks.map((tick) => y(tick) + 4), high_px);
      const names = apart(lines.map((line) => clamp(y(line.values[view.last]) + 4, 10, high_px - bottom)), high_px - bottom);
      const every = Math.ceil(inside.length / Math.max(1, Math.floor((width - left) / 28)));
      return [
        this.cursor(view, high_px - bottom),
        ticks.map((tick, k) => [make("svg:line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
          make("svg:text", { class: "axis end", x: left - 5, y: labels[k] }, number(tick))]),
        level === undefined ? null : make("svg:line", { class: "level", x1: left, x2: width - right, y1: y(level), y2: y(level) }),
        inside.filter((t) => t % every === 0).map((t) => make("svg:text", { class: "axis middle", x: x(t), y: high_px - 4 }, t + 1)),
        lines.map((line) => make("svg:polyline", { class: `line ${line.kind}`,
          points: inside.map((t) => `${x(t)},${y(line.values[t])}`).join(" ") })),
        lines.map((line, k) => told[k] === null ? null : make("svg:text",
          { class: `axis name ${line.kind}`, x: width - right + 6, y: names[k] }, told[k], make("svg:title", {}, line.name))),
        marks ? inside.filter((t) => marks[t]).map((t) => make("svg:circle", { class: "spike", cx: x(t), cy: y(lines[0].values[t]), r: 3.5 })) : null,
      ];
    }, ["t", "zoom"]);
  }
  cursor(view, height) {
    const { t } = this.state;
    if (t < view.first || t > view.last) return null;
    return make("svg:rect", { class: "cursor", x: view.x(t), y: 0, width: view.step, height });
  }

  // 2: through time.

  show_time(part, id, count, title) {
    this.layers = part.layers.map((layer) => this.layer(layer));
    const strongest = this.layers.filter((layer) => layer.membranes).slice(0, 2).map((layer) => ({ layer, place: this.order(layer, "value")[0] }));
    const wished = (this.wished || []).map(({ name, place }) => ({ layer: this.layers.find((layer) => layer.name === name), place }));
    this.state.set({ chosen: this.wished ? wished : strongest.filter(({ place }) => place !== undefined) });
    const whole = make("button", { type: "button", class: "plain", onclick: () => this.state.set({ zoom: "all" }) }, "all steps");
    this.state.watch(["zoom"], () => { whole.hidden = this.state.zoom === "all"; });
    const lead = ["Each mark is a spike: time runs to the right, one row per neuron that fires. ",
      part.coloured_by ? `Colours are ${part.coloured_by}: ` : "",
      part.coloured_by ? [make("b", { class: "positive" }, "speaks for"), " or ", make("b", { class: "negative" }, "against"), ` ${this.name(this.story.target)}, `, make("b", { class: "rest" }, "grey"), " marks have next to no share. "] : "",
      "Drag across a raster to zoom all of them; click a neuron, or choose one with the up and down keys, to see its membrane. ", part.note];
    return this.section(id, count, title, lead, part.silent ? make("p", { class: "told" }, part.silent) : null, whole, this.layers.map((layer) => this.layer_view(layer)),
      make("h3", {}, "Membranes of the chosen neurons"), this.traces());
  }
  layer(layer) {
    const places = unpack(layer.shown);
    const data = { ...layer, spikes: unpack(layer.spikes), membranes: unpack(layer.membranes), values: unpack(layer.values),
      classes: unpack(layer.psth), thresholds: unpack(layer.thresholds) };
    data.n = data.spikes.shape[1];
    data.place = (i) => (places ? places.values[i] : i);
    data.spatial = layer.shape.length === 3;
    data.area = layer.shape.length > 1 ? layer.shape.slice(1).reduce((a, b) => a * b, 1) : 1;
    data.channel = (i) => Math.floor(data.place(i) / data.area);
    data.most = data.values ? largest(data.values.values) : 0;
    data.at = (t, i) => t * data.n + i;
    data.state = { channel: "all", by: "place" };
    return data;
  }
  /** Neurons that fire within a layer, in an order: of place, of their first spike, or of the sum of their shares. */
  order(layer, by) {
    const first = new Int32Array(layer.n).fill(-1), sum = new Float64Array(layer.n);
    for (let t = this.T - 1; t >= 0; t--) {
      for (let i = 0; i < layer.n; i++) {
        if (layer.spikes.values[layer.at(t, i)]) first[i] = t;
        if (layer.values) sum[i] += layer.values.values[layer.at(t, i)];
        else sum[i] += layer.spikes.values[layer.at(t, i)];
      }
    }
    const channel = layer.state.channel;
    const fired = range(layer.n).filter((i) => first[i] >= 0 && (channel === "all" || layer.channel(i) === channel));
    if (by === "first") fired.sort((a, b) => first[a] - first[b] || a - b);
    if (by === "value") fired.sort((a, b) => Math.abs(sum[b]) - Math.abs(sum[a]));
    return fired;
  }
  neuron_name(layer, i) {
    const place = layer.place(i);
    if (layer.names) return layer.names[place];
    if (!layer.spatial) return `${layer.title}, neuron ${place}`;
    const columns = layer.shape[2], within = place % layer.area;
    return `${layer.title}, channel ${layer.channel(i)}, row ${Math.floor(within / columns)}, column ${within % columns}`;
  }
  layer_view(layer) {
    const channels = [...new Set(range(layer.n).map((i) => layer.channel(i)))];
    let draw = () => {}, rows = [];
    const pick = (change) => (event) => { change(event.target.value); draw(); };
    const filter = layer.shape.length > 1 && channels.length > 1
      ? make("label", {}, "channel ", make("select", { onchange: pick((value) => { layer.state.channel = value === "all" ? value : Number(value); }) },
        make("option", { value: "all" }, "all"), channels.map((c) => make("option", { value: c }, c)))) : null;
    const sort = make("label", {}, "rows by ", make("select", { onchange: pick((value) => { layer.state.by = value; }) },
      make("option", { value: "place" }, "place"), make("option", { value: "first" }, "first spike"),
      make("option", { value: "value" }, layer.values ? "share" : "spikes")));
    const total = layer.spikes.values.reduce((a, b) => a + b, 0);
    const canvas = make("canvas", { class: "raster", role: "img", "aria-label": `spikes of ${layer.title}; up and down choose a neuron`, tabindex: 0,
      onkeydown: (event) => {
        const move = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!move || !rows.length) return;
        const now = this.state.chosen.filter((one) => one.layer === layer).at(-1);
        const at = now ? rows.indexOf(now.place) + move : 0;
        const others = this.state.chosen.filter((one) => one !== now);
        this.state.set({ chosen: [...others, { layer, place: rows[clamp(at, 0, rows.length - 1)] }].slice(-MOST_CHOSEN) });
        event.preventDefault();
      } });
    const host = make("div", { class: "raster-place" }, canvas);
    draw = () => { rows = this.raster(layer, canvas, host.clientWidth); };
    this.state.watch(["t", "zoom", "theme", "chosen"], draw, host);
    this.brush(canvas, (t, share) => {
      if (rows.length) this.choose(layer, rows[clamp(Math.floor(share * rows.length), 0, rows.length - 1)]);
    });
    const head = make("div", { class: "layer-head" }, make("h3", {}, layer.title),
      make("span", { class: "note" }, `${counted(layer.neurons, "neuron")}, ${counted(layer.total, "spike")}`,
        layer.n < layer.neurons ? `; shown: the ${layer.n.toLocaleString("en")} that fire most (${counted(total, "spike")})` : ""),
      filter, sort);
    return make("div", { class: "layer" }, head,
      make("div", { class: "layer-body" }, layer.spatial && layer.n === layer.neurons ? this.maps(layer) : null, host,
        layer.classes ? this.psth(layer) : null));
  }
  raster(layer, canvas, width) {
    const rows = this.order(layer, layer.state.by);
    const height = clamp(rows.length * 4, 48, 200), ratio = globalThis.devicePixelRatio || 1;
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d"), view = this.window(0, width);
    pen.scale(ratio, ratio);
    const [ink, ground, positive, negative, cursor] = ["ink", "ground", "positive", "negative", "cursor"].map((name) => this.colour(name));
    const fill = (rgb) => { pen.fillStyle = `rgb(${rgb.join()})`; };
    fill(ground);
    pen.fillRect(0, 0, width, height);
    if (this.state.t >= view.first && this.state.t <= view.last) {
      fill(cursor);
      pen.fillRect(view.x(this.state.t), 0, view.step, height);
    }
    const high = height / Math.max(1, rows.length), gap = view.step > 6 ? Math.min(2, view.step / 6) : 0;
    rows.forEach((i, place) => {
      for (let t = view.first; t <= view.last; t++) {
        if (!layer.spikes.values[layer.at(t, i)]) continue;
        fill(this.spike_colour(layer, layer.at(t, i), ink, positive, negative));
        pen.fillRect(view.x(t) + gap, place * high, view.step - 2 * gap, Math.max(1, high - (high > 3 ? 1 : 0)));
      }
    });
    for (const { layer: of, place } of this.state.chosen) {
      const at = of === layer ? rows.indexOf(place) : -1;
      if (at < 0) continue;
      fill(this.colour("accent"));
      pen.fillRect(0, at * high - 0.5, width, 1);
      pen.fillRect(0, at * high + Math.max(2, high) - 0.5, width, 1);
    }
    if (!rows.length) {
      fill(this.colour("muted"));
      pen.font = "13px system-ui, sans-serif";
      pen.fillText("no spike", 10, height / 2 + 4);
    }
    return rows;
  }
  /** The colour of a spike: grey without a share, that of its sign the more it has; `ink` where shares are unknown. */
  spike_colour(layer, place, ink, positive, negative) {
    if (!layer.values) return ink;
    const share = layer.most ? layer.values.values[place] / layer.most : 0;
    return this.shade(0.06 * Math.sign(share) + 0.94 * share, this.colour("faint"), positive, negative);
  }
  /** Feature maps of the step of the slider: membranes in grey, spikes in colour. */
  maps(layer) {
    const [channels, rows, columns] = layer.shape;
    const most = layer.membranes ? largest(layer.membranes.values) || 1 : 1;
    const shown = range(Math.min(channels, MOST_MAPS));
    const canvases = shown.map((c) => make("canvas", { class: "map", role: "img", "aria-label": `channel ${c}`,
      onclick: (event) => {
        const box = event.target.getBoundingClientRect();
        const at = (offset, side, cells) => clamp(Math.floor((offset / side) * cells), 0, cells - 1);
        this.choose(layer, c * rows * columns + at(event.clientY - box.top, box.height, rows) * columns + at(event.clientX - box.left, box.width, columns));
      } }));
    this.state.watch(["t", "theme"], () => {
      const { t } = this.state;
      const [ink, ground, positive, negative] = ["ink", "ground", "positive", "negative"].map((name) => this.colour(name));
      shown.forEach((c) => this.paint(canvases[c], rows, columns, (i) => {
        const place = layer.at(t, c * rows * columns + i);
        if (layer.spikes.values[place]) return this.spike_colour(layer, place, ink, positive, negative);
        const level = layer.membranes ? clamp(Math.abs(layer.membranes.values[place]) / most, 0, 1) : 0;
        return ground.map((value, k) => Math.round(value + 0.25 * level * (ink[k] - value)));
      }));
    });
    return make("figure", { class: "maps" }, canvases.map((canvas, c) => make("div", {}, canvas, make("small", {}, `channel ${c}`))),
      make("figcaption", {}, layer.values ? "spikes of this step in colour" : "spikes of this step in black or white",
        layer.membranes ? "; grey is the membrane, stronger further from 0" : "", channels > MOST_MAPS ? `; and ${counted(channels - MOST_MAPS, "more channel")}` : ""));
  }
  /** Let a drag choose the steps that are shown, and a click a place (step, share of the height). */
  brush(canvas, click) {
    let from = null;
    const step = (event) => {
      const box = canvas.getBoundingClientRect(), view = this.window(0, box.width);
      return clamp(view.first + Math.floor((event.clientX - box.left) / view.step), view.first, view.last);
    };
    canvas.addEventListener("pointerdown", (event) => { from = step(event); canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("pointerup", (event) => {
      const box = canvas.getBoundingClientRect(), to = step(event);
      if (from === null) return;
      if (from !== to) this.state.set({ zoom: [Math.min(from, to), Math.max(from, to)] });
      else {
        this.state.set({ t: to });
        click(to, (event.clientY - box.top) / box.height);
      }
      from = null;
    });
  }
  choose(layer, place) {
    const others = this.state.chosen.filter((one) => one.layer !== layer || one.place !== place);
    const chosen = others.length < this.state.chosen.length ? others : [...others, { layer, place }].slice(-MOST_CHOSEN);
    this.state.set({ chosen });
  }
  psth(layer) {
    const mine = range(this.T).map((t) => row(layer.spikes, t).reduce((a, b) => a + b, 0) / (layer.n < layer.neurons ? NaN : layer.n));
    const { target } = this.story;
    const means = range(layer.classes.shape[0]).map((k) => [...row(layer.classes, k)]);
    const lines = means.map((values, k) => ({ values, kind: "rest" })).filter((_, k) => k !== target);
    lines.push({ values: means[target], kind: "second" });
    if (!Number.isNaN(mine[0])) lines.push({ values: mine, kind: "first" });
    const high = Math.max(...lines.map((line) => largest(line.values)));
    return make("div", { class: "psth" }, this.lines(`spikes per neuron and step in ${layer.title}`, 110, lines, 0, high || 1, high ? [0, high] : [0]),
      make("small", {}, "spikes per neuron: ", Number.isNaN(mine[0]) ? null : [make("b", { class: "first" }, "this image"), ", "],
        make("b", { class: "second" }, `images of ${this.name(target)}`), ", ", make("b", { class: "rest" }, "the other classes")));
  }
  traces() {
    const host = make("div", { class: "traces" });
    this.state.watch(["chosen"], () => {
      host.replaceChildren(...this.state.chosen.map((one) => this.trace(one)));
      if (!this.state.chosen.length) host.append(make("p", { class: "absent" }, "Click a neuron in a raster or a map."));
    });
    return host;
  }
  trace({ layer, place }) {
    const values = range(this.T).map((t) => (layer.membranes ? layer.membranes.values[layer.at(t, place)] : 0));
    const spikes = range(this.T).map((t) => layer.spikes.values[layer.at(t, place)]);
    const threshold = layer.thresholds ? layer.thresholds.values[layer.thresholds.values.length > 1 ? place : 0] : layer.threshold;
    const name = this.neuron_name(layer, place);
    const share = layer.values ? range(this.T).reduce((sum, t) => sum + layer.values.values[layer.at(t, place)], 0) : null;
    const low = Math.min(0, ...values), high = Math.max(threshold || 0, ...values) * 1.05 || 1;
    return make("figure", { class: "trace" },
      make("figcaption", {}, name, share === null ? "" : `: share ${signed(share)}`, this.send ? this.hands(layer, place) : null),
      layer.membranes ? this.lines(`membrane of ${name}`, 120, [{ values, kind: "first" }], low, high, [0, threshold || high], threshold, spikes)
        : make("p", { class: "absent" }, "Membranes were not kept."));
  }
  /** In a notebook: what the user may do to a neuron. */
  hands(layer, place) {
    const act = (action, text) => make("button", { type: "button", class: "plain",
      onclick: () => this.send({ action, layer: layer.name, neuron: layer.place(place) }) }, text);
    return make("span", { class: "hands" }, act("silence", "silence"), act("fire", "fire always"), act("release", "release"));
  }

  // 3: the quantum head.

  show_head(part, id, count, title) {
    const angles = unpack(part.angles), bloch = unpack(part.bloch);
    const stepwise = angles.shape[0] > 1;
    const blocks = part.n_blocks, n = part.n_qubits;
    const host = make("div", { class: "spheres" });
    this.state.watch(["t", "theme"], () => {
      const t = stepwise ? this.state.t : 0;
      const turned = row(angles, t), vectors = row(bloch, t);
      host.replaceChildren(...range(n).map((qubit) => make("figure", { class: "qubit" },
        make("figcaption", {}, `qubit ${qubit}`),
        range(blocks).map((block) => sphere([0, 1, 2].map((axis) => vectors[(block * n + qubit) * 3 + axis]), `qubit ${qubit} after block ${block + 1}`)),
        make("small", {}, part.angle_names.map((name, k) => make("span", {}, `${name} ${number(turned[3 * qubit + k])}`))))));
    });
    const lead = `The front-end turns ${angles.shape[1]} angles (radians)${stepwise ? ", here as they stand after the step of the slider" : ""}. Spheres show where each qubit points after ${blocks === 1 ? "the block" : `each of ${blocks} blocks`}; a short arrow is entangled with others. The bars below say, exactly, what each qubit's angles add to the logit of ${this.name(this.story.target)}.`;
    return this.section(id, count, title, lead, host,
      part.waterfall.absent ? make("p", { class: "absent" }, part.waterfall.absent) : this.waterfall(part));
  }
  waterfall(part) {
    const { waterfall } = part;
    const qubits = part.angle_names.length ? range(part.n_qubits).map((q) => `q${q}`) : [];
    const choices = { qubits: [waterfall.qubits, qubits], angles: [waterfall.angles, range(waterfall.angles.length).map((i) => `q${Math.floor(i / 3)} ${part.angle_names[i % 3]}`)] };
    const host = make("div", {});
    const draw = (name) => {
      const [shares, names] = choices[name];
      host.replaceChildren(this.chart(`shares of the ${name} in the logit`, 220, (width, height) =>
        falls(width, height, shares, names, waterfall.baseline), []));
    };
    const radio = (name) => make("label", {}, make("input", { type: "radio", name: "shares", value: name, checked: name === "qubits", onchange: () => draw(name) }), ` ${name}`);
    draw("qubits");
    return make("div", {}, make("h3", {}, `From ${number(waterfall.baseline)} (all angles 0) to the logit ${number(waterfall.output)}`),
      make("div", { class: "choices" }, radio("qubits"), radio("angles"),
        make("span", { class: "note" }, `Shapley values, not sampled; they add up to within ${waterfall.error.toExponential(0)}`)), host);
  }

  // 4: which pixels.

  show_pixels(part, id, count, title) {
    const [rows, columns] = this.image.shape.slice(-2);
    const size = rows * columns, image = this.still();
    const last = part.fractions ? part.fractions.length - 1 : 0;
    const slider = make("input", { type: "range", min: 0, max: last, value: 0, step: 1, "aria-label": "pixels deleted",
      oninput: (event) => this.state.set({ deleted: Number(event.target.value) }) });
    const told = make("output", {});
    this.state.watch(["deleted"], () => {
      told.textContent = part.fractions ? `${Math.round(part.fractions[this.state.deleted] * size)} of ${size} pixels deleted` : "";
    });
    const { target, predicted, runner_up, label } = this.story, missed = label !== null && label !== predicted;
    const role = (k) => (k === target ? "" : missed && k === label ? "the true class " : k === predicted ? "the answer " : "the runner-up ");
    const lead = `What each method holds for the pixels that speak for ${this.name(target)}. The answer is ${this.name(predicted)}, the runner-up ${this.name(runner_up)}. `
      + (missed ? `The image is misread: the map for ${this.name(label)}, its true class, shows what spoke for the label that was missed. ` : "")
      + `The marks say what was tested of a method; a map without a pass is a guess. The map with other draws shows what chance alone changes. Delete pixels, the most important first, and watch the probability of ${this.name(target)} fall: the faster it falls, the truer the map.`;
    const cards = part.maps.map((map) => {
      const shown = map.targets.map((one) => [unpack(one.values).values, `for ${role(one.target)}${this.name(one.target)}`]);
      if (map.redrawn) shown.push([unpack(map.redrawn).values, `for ${this.name(target)}, other draws`]);
      const most = Math.max(...shown.map(([values]) => largest(values)));
      const maps = shown.map(([values, text]) => this.heat(values, rows, columns, most, text));
      return make("article", { class: "method" }, make("h3", {}, map.method), map.title ? make("p", { class: "note" }, map.title) : null,
        make("ul", { class: "badges" }, map.badges.map((badge) => make("li", { class: badge.state, title: badge.detail },
          { pass: "✓ ", fail: "✗ " }[badge.state] || "", badge.text))),
        make("details", {}, make("summary", {}, "what was measured"),
          make("ul", {}, map.badges.map((badge) => make("li", {}, `${badge.text}: ${badge.detail}`)))),
        make("figure", { class: "shared" }, make("div", { class: "pair", style: { gridTemplateColumns: `repeat(${maps.length}, minmax(0, 100px))` } }, maps), make("figcaption", {}, most === 0 ? "0 everywhere"
          : [maps.length > 1 ? "one scale for all: " : "", make("b", { class: "positive" }, `+${number(most)}`), " to ", make("b", { class: "negative" }, `−${number(most)}`), ` at full colour`])),
        map.deletion ? make("div", { class: "left" }, this.deleted(unpack(map.deletion.order).values, image, rows, columns, part.fractions),
          this.fall(unpack(map.deletion.probabilities), part.fractions)) : null);
    });
    return this.section(id, count, title, lead,
      part.fractions ? make("div", { class: "choices" }, make("label", {}, "delete ", slider), told) : null,
      make("div", { class: "methods" }, cards), part.note ? make("p", { class: "note" }, part.note) : null);
  }
  /** The image [channels, height, width]; a recording as the sum of its frames. */
  still() {
    if (this.image.shape.length === 3) return this.image.values;
    const size = this.image.values.length / this.image.shape[0], sum = new Float32Array(size);
    this.image.values.forEach((value, i) => { sum[i % size] += value; });
    return sum;
  }
  heat(values, rows, columns, most, text) {
    const canvas = make("canvas", { class: "picture", role: "img", "aria-label": `map ${text}` });
    const grey = this.grey(this.still(), rows * columns);
    this.state.watch(["theme"], () => {
      const [ground, positive, negative] = ["ground", "positive", "negative"].map((name) => this.colour(name));
      this.paint(canvas, rows, columns, (i) => {
        const colour = this.shade(values[i] / (most || 1), ground, positive, negative), under = grey(i);
        return colour.map((value, k) => Math.round(0.88 * value + 0.12 * under[k]));
      });
    });
    return make("figure", {}, canvas, make("figcaption", {}, text));
  }
  deleted(order, image, rows, columns, fractions) {
    const canvas = make("canvas", { class: "picture", role: "img", "aria-label": "what is left of the image" });
    const rank = new Uint32Array(order.length), grey = this.grey(image, rows * columns);
    order.forEach((pixel, place) => { rank[pixel] = place; });
    this.state.watch(["deleted", "theme"], () => {
      const gone = Math.round(fractions[this.state.deleted] * order.length), hole = this.colour("hole");
      this.paint(canvas, rows, columns, (i) => (rank[i] < gone ? hole : grey(i)));
    });
    return make("figure", {}, canvas, make("figcaption", {}, "what is left"));
  }
  fall(probabilities, fractions) {
    const { target } = this.story, own = fractions.map((_, k) => row(probabilities, k)[target]);
    const says = make("p", { class: "note" });
    const chart = this.chart(`probability of ${this.name(target)} against the pixels deleted`, 80, (width, height) => {
      const x = (k) => 34 + (k / (fractions.length - 1)) * (width - 44), y = (p) => 6 + (1 - p) * (height - 14);
      return [0, 1].map((p) => [make("svg:line", { class: "grid", x1: 34, x2: width - 10, y1: y(p), y2: y(p) }), make("svg:text", { class: "axis end", x: 29, y: y(p) + 4 }, p)])
        .concat([make("svg:polyline", { class: "line first", points: own.map((p, k) => `${x(k)},${y(p)}`).join(" ") }),
          make("svg:circle", { class: "spike", cx: x(this.state.deleted), cy: y(own[this.state.deleted]), r: 4 })]);
    }, ["deleted"]);
    this.state.watch(["deleted"], () => {
      const shares = row(probabilities, this.state.deleted), now = argmax(shares);
      says.textContent = `${this.name(target)}: ${percent(shares[target])}` + (now === target ? "" : `; the network says ${this.name(now)} (${percent(shares[now])})`);
    });
    return make("div", {}, says, chart);
  }

  // 5: the ledger, from the logit at the top to the input at the bottom.

  show_ledger(part, id, count, title) {
    const { stations } = part, terms = stations.flatMap((station) => station.terms);
    const lead = `Where the logit of ${this.name(this.story.target)} comes from, by ${part.method}. Each layer hands on what it was given, less what its biases and the charge of its neurons at the start account for. `
      + (terms.some((term) => term.name === "dead ends") ? "Dead ends hold what reached neurons or places with nothing before them to hand it on to, such as a neuron without an incoming spike. " : "")
      + `Nothing is lost: all ends add up to ${number(part.total)}, the logit less what it is where nothing arrives, within ${part.error.toExponential(0)}.`;
    const tops = stations.reduce((sums, station) => [...sums, sums.at(-1) + 34 + 14 * station.terms.length], [6]);
    const most = Math.max(...[...stations.map((station) => station.arriving), ...terms.map((term) => term.value)].map(Math.abs)) || 1;
    const strip = this.chart("relevance from the logit down to the input", tops.at(-1), (width) => {
      const half = Math.min(130, width * (width < 420 ? 0.14 : 0.2)), leaves = width < 420 ? "" : "leaves here, ", middle = half + 4, x = 2 * half + 18;
      const wide = (value) => value && Math.max(1, (Math.abs(value) / most) * half);
      const sign = (value) => (value >= 0 ? "positive" : "negative");
      return stations.map((station, i) => {
        const y = tops[i] + 14, end = tops[i + 1], here = wide(station.arriving), bend = (end - y) / 2;
        const below = stations[i + 1] ? stations[i + 1].arriving : null, next = below === null ? null : wide(below);
        return [
          next === null ? null : make("svg:path", { class: `flow ${sign(below)}`,
            d: `M${middle - here},${y} C${middle - here},${y + bend} ${middle - next},${end - bend} ${middle - next},${end} L${middle + next},${end} C${middle + next},${end - bend} ${middle + here},${y + bend} ${middle + here},${y} Z` }),
          make("svg:rect", { class: `node ${sign(station.arriving)}`, x: middle - here, y: tops[i], width: 2 * here, height: 14, rx: 3 }),
          make("svg:text", { class: "label", x, y: tops[i] + 12 }, `${station.name}: ${number(station.arriving)}`),
          station.terms.map((term, k) => make("svg:text", { class: "axis", x: x + 10, y: tops[i] + 27 + 14 * k }, `${leaves}${term.name}: ${signed(term.value)}`)),
        ];
      });
    }, []);
    return this.section(id, count, title, lead, strip,
      make("div", { class: "ends" }, part.ends.map((end) => make("div", { class: "end" }, make("span", {}, end.name),
        make("span", { class: "track both" }, make("span", { class: `fill ${end.value >= 0 ? "positive" : "negative"}`,
          style: { left: `${50 - (end.value < 0 ? 50 * Math.abs(end.value) / most : 0)}%`, width: `${50 * Math.abs(end.value) / most}%` } })),
        make("b", {}, signed(end.value))))));
  }

  // 6: the rule.

  show_rule(part, id, count, title) {
    const agrees = part.says === this.story.predicted;
    const lead = `A ${part.kind} with ${part.size}, learned from what the network answers, says the same as the network on ${percent(part.fidelity)} of ${counted(part.images, "other image")}. `
      + (agrees ? "Here it agrees; this is the path:" : "Here it disagrees, so the path below does not explain the answer:");
    return this.section(id, count, title, lead,
      make("ol", { class: "path" }, part.steps.map((step) => make("li", {}, make("span", {}, step.text), make("small", {}, `here ${number(step.value)}`)))),
      make("p", { class: agrees ? "verdict" : "verdict fail" }, `So the ${part.kind} says `, make("b", {}, this.name(part.says)),
        `. The network said so of ${percent(part.leaf.agreement)} of the ${counted(part.leaf.images, "training image")} at this leaf.`),
      part.disagreements.length ? [make("h3", {}, "Where they disagree"),
        make("div", { class: "thumbs" }, part.disagreements.map((one) => this.thumb(unpack(one.image),
          `network ${this.name(one.network)}, ${part.kind} ${this.name(one.rule)}`)))] : null);
  }
  thumb(image, text) {
    const canvas = make("canvas", { class: "thumb", role: "img", "aria-label": text });
    const [rows, columns] = image.shape.slice(-2);
    this.paint(canvas, rows, columns, this.grey(image.values, rows * columns));
    return make("figure", {}, canvas, make("figcaption", {}, text));
  }

  // 7: what if.

  show_what_if(part, id, count, title) {
    const { nearest } = part;
    const lead = "What would have changed the answer. Both lists are searched, not proved: a smaller change may exist.";
    const near = nearest.absent ? make("p", { class: "absent" }, nearest.absent) : make("div", { class: "thumbs large" },
      this.thumb(this.image.shape.length === 3 ? this.image : { shape: this.image.shape.slice(1), values: this.still() }, `${this.name(this.story.predicted)}: the image`),
      this.thumb(unpack(nearest.image), `${this.name(nearest.label)}: pixels moved by ${number(nearest.radius * 255)} of 255 at most`),
      make("p", {}, nearest.how));
    const shown = make("div", { class: "bars" });
    const draw = (one) => shown.replaceChildren(...this.story.classes.map((name, k) =>
      this.bar(name, one.probabilities[k], k, this.story.sections.answer.probabilities[k])));
    const list = part.neurons.map((one, i) => make("label", { class: "neuron" },
      make("input", { type: "radio", name: "neuron", checked: i === 0, onchange: () => draw(one) }),
      make("span", {}, one.text), make("b", { class: one.change >= 0 ? "positive" : "negative" }, signed(one.change)),
      one.label === this.story.predicted ? null : make("small", {}, `now ${this.name(one.label)}`)));
    if (part.neurons.length) draw(part.neurons[0]);
    return this.section(id, count, title, lead, make("h3", {}, "The nearest change found"), near,
      make("h3", {}, "Without one neuron"),
      part.neurons.length ? make("p", { class: "note" }, `Its spikes are taken away, and the logit of ${this.name(this.story.target)} moves by:`) : make("p", { class: "absent" }, part.note || "No neuron fires."),
      make("div", { class: "row" }, make("div", { class: "grow" }, list), make("div", { class: "grow" }, shown)));
  }

  // 8: how this was made.

  show_made(part, id, count, title) {
    return this.section(id, count, title, "Everything needed to make this page again.",
      make("table", { class: "facts wide" }, part.facts.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))),
      make("h3", {}, "Methods"),
      make("table", { class: "facts wide" }, make("tr", {}, ["method", "forward passes", "backward passes", "seconds", ""].map((name) => make("th", { scope: "col" }, name))),
        part.methods.map((one) => make("tr", { class: one.failed ? "fail" : null }, make("td", {}, one.title), make("td", {}, number(one.forwards)),
          make("td", {}, number(one.backwards)), make("td", {}, number(one.seconds)), make("td", {}, one.failed || "")))));
  }
}

/** Where a qubit points, as an arrow in a sphere seen a little from above: x to the front, y to the right, z up. */
function sphere([x, y, z], label) {
  const r = 34, flat = ([a, b, c]) => [40 + r * (b - 0.4 * a), 40 - r * (c - 0.3 * a)];
  const [px, py] = flat([x, y, z]), length = Math.hypot(x, y, z);
  const axis = (to, name) => [make("svg:line", { class: "grid", x1: 40, y1: 40, x2: flat(to)[0], y2: flat(to)[1] }),
    make("svg:text", { class: "axis middle", x: flat(to.map((value) => 1.17 * value))[0], y: flat(to.map((value) => 1.17 * value))[1] + 3 }, name)];
  return make("svg:svg", { class: "sphere", viewBox: "-4 -6 92 92", role: "img" },
    make("svg:title", {}, `${label}: x ${x.toFixed(2)}, y ${y.toFixed(2)}, z ${z.toFixed(2)}, length ${length.toFixed(2)}`),
    make("svg:circle", { class: "globe", cx: 40, cy: 40, r }),
    make("svg:ellipse", { class: "grid", cx: 40, cy: 40, rx: r, ry: 0.28 * r, fill: "none" }),
    axis([1, 0, 0], "x"), axis([0, 1, 0], "y"), axis([0, 0, 1], "z"),
    make("svg:line", { class: "arrow", x1: 40, y1: 40, x2: px, y2: py }),
    make("svg:circle", { class: "tip", cx: px, cy: py, r: 3.6 }));
}

/** A number of two digits after the point, with its sign unless it `stands` for itself. */
const short = (value, stands) => (stands || Math.abs(value) < 0.005 ? "" : value > 0 ? "+" : "−") + (stands && value < 0 ? "−" : "") + Math.abs(value).toFixed(Math.abs(value) >= 10 ? 1 : 2);

/** A waterfall: bars that begin where the one before ends, each with its number. */
function falls(width, height, shares, names, baseline) {
  const ends = shares.reduce((sums, share) => [...sums, sums.at(-1) + share], [baseline]);
  const low = Math.min(0, ...ends), high = Math.max(0, ...ends), left = 40, bottom = 22;
  const step = (width - left) / (shares.length + 2), x = (place) => left + place * step;
  const tilted = step < 34, top = tilted ? 38 : 16;
  const y = (value) => top + (1 - (value - low) / (high - low || 1)) * (height - bottom - top - 4);
  const upright = (at, above) => (tilted ? { transform: `translate(${at + 4},${above}) rotate(-90)` } : { x: at, y: above });
  const bar = (place, from, to, kind, name, value) => [
    make("svg:rect", { class: `bar ${kind}`, x: x(place) + 0.12 * step, width: 0.76 * step, y: Math.min(y(from), y(to)), height: Math.max(1, Math.abs(y(from) - y(to))) },
      make("svg:title", {}, `${name}: ${number(value)}`)),
    make("svg:text", { class: tilted ? "value" : "value middle", ...upright(x(place + 0.5), Math.min(y(from), y(to)) - 4) }, short(value, kind === "end")),
    tilted && place % 3 && place < shares.length + 1 ? null : make("svg:text", { class: "axis middle", x: x(place + 0.5), y: height - 5 }, tilted ? name.split(" ")[0] : name)];
  return [make("svg:line", { class: "grid", x1: left, x2: width, y1: y(0), y2: y(0) }), make("svg:text", { class: "axis end", x: left - 5, y: y(0) + 4 }, "0"),
    bar(0, 0, baseline, "end", "f(0)", baseline),
    shares.map((share, i) => bar(i + 1, ends[i], ends[i + 1], share >= 0 ? "positive" : "negative", names[i], share)),
    bar(shares.length + 1, 0, ends.at(-1), "end", "f(x)", ends.at(-1))];
}

/** Draw a story into an element; `send` takes what the user asks of the network, in a notebook. */
export function show(element, story, send) {
  const viewer = new Viewer(element, story, send);
  viewer.show();
  return viewer;
}

export default {
  render({ model, el }) {
    const place = make("div");
    el.append(place);
    let viewer = show(place, model.get("story"), (message) => model.send(message));
    model.on("change:story", () => { viewer = viewer.retell(model.get("story")); });
    return () => viewer.stop();
  },
};
