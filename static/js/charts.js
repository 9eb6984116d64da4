// Draws every <figure data-chart="ID">: ID names the json_script element that holds a Chart.js configuration.
//
// The configuration is data only. Four things are added here, because JSON cannot say them:
//   * a string such as "var(--segment-0)" becomes the theme's colour, anew whenever the theme changes;
//   * `format` of a scale or dataset ("number", "percent", "signed") becomes its numbers' spelling in ticks and tooltips;
//   * `inLegend: false` of a dataset keeps it out of the legend;
//   * `boxes` of a dataset of floating bars (quartiles) draws medians and whiskers over them.

(() => {
  "use strict";

  const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
  const drawn = new Map(); // figure → Chart

  const spellings = {
    number: new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: 2 }),
    compact: new Intl.NumberFormat(document.documentElement.lang || "en", { notation: "compact" }),
    percent: new Intl.NumberFormat(document.documentElement.lang || "en", { style: "percent", maximumFractionDigits: 1 }),
    signed: new Intl.NumberFormat(document.documentElement.lang || "en", {
      maximumFractionDigits: 2,
      signDisplay: "exceptZero",
    }),
  };
  const spell = (value, format) => {
    if (typeof value !== "number") return value;
    if (!format || format === "number") {
      return (Math.abs(value) >= 100_000 ? spellings.compact : spellings.number).format(value);
    }
    return spellings[format].format(value);
  };

  // A long name on an axis becomes lines of at most this many characters, so that it neither is cut off nor eats the chart.
  const LONGEST_LINE = 22;
  const lines = (label) => {
    if (typeof label !== "string" || label.length <= LONGEST_LINE) return label;
    const made = [""];
    for (const word of label.split(" ")) {
      const last = made.length - 1;
      if (made[last] && `${made[last]} ${word}`.length > LONGEST_LINE) made.push(word);
      else made[last] = `${made[last]} ${word}`.trim();
    }
    return made;
  };

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Canvas gets colours as rgb(), because Chart.js does not know oklch() when it blends and hovers.
  const painter = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour) => {
    painter.canvas.width = painter.canvas.height = 1;
    painter.fillStyle = colour;
    painter.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = painter.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${(alpha / 255).toFixed(3)})`;
  };
  const withTheme = (value) => {
    if (typeof value === "string" && value.startsWith("var(--")) {
      const [, name, alpha] = value.match(/^var\((--[\w-]+)\)(?:\/([\d.]+))?$/) || [];
      if (!name) return value;
      const colour = rgb(variable(name) || "gray");
      return alpha ? colour.replace(/[\d.]+\)$/, `${alpha})`) : colour;
    }
    if (Array.isArray(value)) return value.map(withTheme);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withTheme(inner)]));
    }
    return value;
  };

  const boxes = {
    id: "boxes",
    afterDatasetsDraw(chart) {
      chart.data.datasets.forEach((dataset, number) => {
        if (!dataset.boxes || !chart.isDatasetVisible(number)) return;
        const sideways = chart.options.indexAxis === "y";
        const scale = chart.scales[sideways ? "x" : "y"];
        const { ctx } = chart;
        ctx.save();
        ctx.strokeStyle = chart.options.color;
        chart.getDatasetMeta(number).data.forEach((bar, index) => {
          const box = dataset.boxes[index];
          if (!box) return;
          const middle = sideways ? bar.y : bar.x;
          const half = (sideways ? bar.height : bar.width) / 2;
          const line = (from, to, offsetFrom, offsetTo, width) => {
            ctx.lineWidth = width;
            ctx.beginPath();
            const [a, b] = [scale.getPixelForValue(from), scale.getPixelForValue(to)];
            if (sideways) {
              ctx.moveTo(a, middle + offsetFrom);
              ctx.lineTo(b, middle + offsetTo);
            } else {
              ctx.moveTo(middle + offsetFrom, a);
              ctx.lineTo(middle + offsetTo, b);
            }
            ctx.stroke();
          };
          const [lowerQuartile, upperQuartile] = dataset.data[index];
          line(box.median, box.median, -half, half, 2.5);
          line(box.low, lowerQuartile, 0, 0, 1);
          line(upperQuartile, box.high, 0, 0, 1);
          line(box.low, box.low, -half / 3, half / 3, 1);
          line(box.high, box.high, -half / 3, half / 3, 1);
        });
        ctx.restore();
      });
    },
  };

  const completed = (plain, animated) => {
    const config = withTheme(plain);
    const text = rgb(variable("--ink-soft") || "gray");
    const grid = rgb(variable("--line") || "lightgray");
    const options = (config.options ??= {});
    if (options.indexAxis === "y") {
      config.data.labels = config.data.labels.map(lines);
      options.scales.y.ticks = { ...options.scales.y.ticks, autoSkip: false };
    }
    options.responsive = true;
    options.maintainAspectRatio = false;
    options.color = text;
    options.animation = animated && !reducedMotion.matches ? { duration: 350 } : false;
    options.plugins ??= {};

    const legend = (options.plugins.legend ??= { display: (config.data.datasets || []).length > 1 });
    legend.position ??= "bottom";
    legend.labels = { usePointStyle: true, boxHeight: 8, padding: 16, ...legend.labels, color: text };
    legend.labels.filter = (item, data) => data.datasets[item.datasetIndex].inLegend !== false;

    for (const [name, scale] of Object.entries(options.scales ?? {})) {
      scale.grid = { ...scale.grid, color: grid };
      scale.border = { ...scale.border, color: grid };
      scale.ticks = { ...scale.ticks, color: text };
      if (scale.title) scale.title = { ...scale.title, color: text };
      if (name === "r") {
        scale.ticks.backdropColor = "transparent";
        scale.angleLines = { color: grid };
        scale.pointLabels = { ...scale.pointLabels, color: text };
      }
      // Intervals can be told from their neighbours, so some may go unnamed; names cannot.
      if (name === "x" && config.data.labels?.every((label) => /^\d/.test(label))) scale.ticks.maxRotation = 0;
      if (scale.format) scale.ticks.callback = (value) => spell(value, scale.format);
    }

    const tooltip = (options.plugins.tooltip ??= {});
    tooltip.usePointStyle = true;
    tooltip.callbacks = {
      title: (items) => [items[0].chart.data.labels?.[items[0].dataIndex] ?? []].flat().join(" "),
      label: (item) => {
        const { dataset, raw, chart } = item;
        const scales = chart.options.scales ?? {};
        const name = dataset.label ? `${dataset.label}: ` : "";
        if (raw && typeof raw === "object" && !Array.isArray(raw)) {
          const axes = ["x", "y"].map((axis) => {
            const title = scales[axis]?.title?.text;
            return `${title ? `${title} ` : ""}${spell(raw[axis], scales[axis]?.format)}`;
          });
          return name + axes.join(", ");
        }
        const valueScale = scales[chart.options.indexAxis === "y" ? "x" : dataset.yAxisID || "y"];
        const format = dataset.format || valueScale?.format;
        if (Array.isArray(raw)) return name + raw.map((value) => spell(value, format)).join(" – ");
        return name + spell(raw, format);
      },
    };
    config.plugins = [boxes];
    return config;
  };

  const draw = (figure, animated) => {
    const source = document.getElementById(figure.dataset.chart);
    const canvas = figure.querySelector("canvas");
    if (!source || !canvas || !window.Chart) return;
    drawn.get(figure)?.destroy();
    const config = completed(JSON.parse(source.textContent), animated);
    if (config.options.indexAxis === "y") {
      // Every name beside its bar needs room for two lines.
      canvas.parentElement.style.blockSize = `${Math.max(140, 80 + 46 * config.data.labels.length)}px`;
    }
    drawn.set(figure, new window.Chart(canvas, config));
    for (const button of figure.querySelectorAll("[data-chart-image], [data-chart-table]")) button.hidden = false;
  };

  const drawAll = (animated) => {
    for (const [figure, chart] of drawn) {
      if (!figure.isConnected) {
        chart.destroy();
        drawn.delete(figure);
      }
    }
    for (const figure of document.querySelectorAll("[data-chart]")) if (!drawn.has(figure)) draw(figure, animated);
  };

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };

  const saveImage = (figure) => {
    const canvas = figure.querySelector("canvas");
    const sheet = document.createElement("canvas");
    sheet.width = canvas.width;
    sheet.height = canvas.height;
    const context = sheet.getContext("2d");
    context.fillStyle = variable("--surface") || "white";
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(canvas, 0, 0);
    sheet.toBlob((blob) => save(blob, `${figure.dataset.chart}.png`));
  };

  // A name that begins like a formula would be run by a spreadsheet: an apostrophe makes it text. Numbers stay numbers.
  const cell = (text) => {
    const isFormula = /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.,]+$/.test(text);
    return `"${(isFormula ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  // What is read on pages is spelled for the reader; a file holds numbers as they are.
  const saveTable = (figure) => {
    const rows = [...figure.querySelectorAll(".figure-table tr")].map((row) =>
      [...row.cells].map((one) => cell(one.dataset.value ?? one.textContent.trim())).join(","),
    );
    // With a mark at the start, or Excel takes the letters for another alphabet's.
    save(new Blob([`\ufeff${rows.join("\r\n")}\r\n`], { type: "text/csv" }), `${figure.dataset.chart}.csv`);
  };

  document.addEventListener("DOMContentLoaded", () => {
    if (!document.querySelector("[data-chart], [hx-get]")) return;
    window.Chart.defaults.font.family = "Inter, system-ui, sans-serif";
    window.Chart.defaults.font.size = 12;
    drawAll(true);
    new MutationObserver(() => {
      for (const figure of drawn.keys()) draw(figure, false);
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
  // Paper is light, whatever the screen is, and the theme's own redrawing would come too late for it.
  let wasDark = false;
  window.addEventListener("beforeprint", () => {
    wasDark = document.documentElement.classList.contains("dark");
    document.documentElement.classList.remove("dark");
    for (const figure of drawn.keys()) draw(figure, false);
  });
  window.addEventListener("afterprint", () => document.documentElement.classList.toggle("dark", wasDark));
  // What a poll swaps in is drawn at once and still: a chart that is animated every second cannot be read.
  for (const swapped of ["htmx:afterSettle", "htmx:oobAfterSwap"]) {
    document.addEventListener(swapped, () => drawAll(false));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-image], [data-chart-table]");
    if (!button) return;
    const figure = button.closest("[data-chart]");
    if (button.matches("[data-chart-image]")) saveImage(figure);
    else saveTable(figure);
  });
})();
