// Says changes of a job's state aloud; its progress is redrawn silently.
(() => {
    const announce = (progress) => {
        const line = progress.closest("[data-job]")?.querySelector("[data-job-announcement]");
        if (line && line.textContent !== progress.dataset.jobSentence) {
            line.textContent = progress.dataset.jobSentence;
        }
    };

    const announceAll = () => document.querySelectorAll("[data-job-state]").forEach(announce);

    document.addEventListener("DOMContentLoaded", announceAll);
    document.addEventListener("htmx:afterSettle", announceAll);
})();
