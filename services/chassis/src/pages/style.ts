/** The one style sheet of all pages. Everything is readable and usable without it. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #f3f4f6; --line: #6b7280; --act: #0b4f9e; --warn: #7a2e00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f1f3f5; --paper: #15181c; --soft: #23272d; --line: #9aa3ad; --act: #9cc9ff; --warn: #ffc9a3; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header, main, footer { max-width: 46rem; margin: 0 auto; padding: 0.75rem 1rem; }
header { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; border-bottom: 1px solid var(--line); }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--paper); padding: 0.5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 0.5rem; }
h3 { font-size: 1rem; margin: 0 0 0.25rem; overflow-wrap: anywhere; }
a { color: var(--act); }
code, pre, textarea { font: 0.95rem/1.5 ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0; }
dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: 0.5rem; } }
.value { border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.75rem; margin: 0.75rem 0; }
.asked { border-width: 3px; }
.content { margin: 0.5rem 0; padding: 0.5rem; background: var(--soft); max-height: 24rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.code { font: 0.8em ui-monospace, monospace; color: inherit; background: none; border: 1px solid currentColor; border-radius: 0.2rem; padding: 0 0.2em; margin: 0 0.1em; }
.notice { border-left: 0.35rem solid var(--warn); background: var(--soft); padding: 0.5rem 0.75rem; }
.state { font-weight: 600; }
form { margin: 0.75rem 0; }
label { font-weight: 600; }
.field { margin: 0.75rem 0; }
input[type="password"], input[type="date"], textarea { display: block; width: 100%; padding: 0.6rem; font-size: 1rem; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 0.4rem; }
input[type="checkbox"] { width: 1.4rem; height: 1.4rem; vertical-align: middle; margin-right: 0.5rem; }
button { min-height: 2.75rem; padding: 0.5rem 1rem; margin: 0.25rem 0.5rem 0.25rem 0; font: inherit; font-weight: 600; color: var(--ink); background: var(--soft); border: 2px solid var(--line); border-radius: 0.4rem; cursor: pointer; }
button.main { color: var(--paper); background: var(--act); border-color: var(--act); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
ol, ul { padding-left: 1.25rem; }
li { margin: 0.35rem 0; overflow-wrap: anywhere; }
`;
