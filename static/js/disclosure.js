// A menu made of <details> closes when somebody clicks elsewhere or presses Escape.
(() => {
    const openOnes = () => document.querySelectorAll("details[data-disclosure][open]");

    document.addEventListener("click", (event) => {
        openOnes().forEach((details) => {
            if (!details.contains(event.target)) {
                details.open = false;
            }
        });
    });

    document.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") {
            return;
        }
        openOnes().forEach((details) => {
            details.open = false;
            details.querySelector("summary").focus();
        });
    });
})();
