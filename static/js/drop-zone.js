// Shows which file was dropped or chosen; dropping itself is the browser's own, on the file field that fills the zone.
(() => {
    const size = (bytes) => {
        const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
        const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)), units.length - 1);
        const format = new Intl.NumberFormat(document.documentElement.lang, {
            style: "unit",
            unit: units[power],
            maximumFractionDigits: power ? 1 : 0,
        });
        return format.format(bytes / 1024 ** power);
    };

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-drop-zone]").forEach((zone) => {
            const field = zone.querySelector("input[type=file]");
            const name = zone.querySelector("[data-drop-zone-name]");
            const form = zone.closest("form");
            const over = (is) => zone.toggleAttribute("data-over", is);

            field.addEventListener("dragenter", () => over(true));
            field.addEventListener("dragleave", () => over(false));
            field.addEventListener("drop", () => over(false));
            // Heard on its way down and stopped: the admin theme's script expects a text field beside each file field.
            zone.addEventListener(
                "change",
                (event) => {
                    event.stopPropagation();
                    const [file] = field.files;
                    if (file) {
                        name.textContent = `${file.name} (${size(file.size)})`;
                    }
                },
                true,
            );
            form.addEventListener("submit", () => {
                form.querySelector("[data-drop-zone-busy]").hidden = false;
            });
        });
    });
})();
