// Asks before a form is sent that cannot be taken back: <form data-confirm="question">.
(() => {
    document.addEventListener("submit", (event) => {
        const question = event.target.dataset.confirm;
        if (question && !window.confirm(question)) {
            event.preventDefault();
        }
    });
})();
