// The sound board: every press is one request. What the page shows at first is in its HTML, so
// opening it costs none.

const guild = document.getElementById("guild");
const search = document.getElementById("search");
const status = document.getElementById("status");
const board = document.getElementById("board");
// The operator's. A guild's own are found by a search.
const sounds = [...document.querySelectorAll(".sound")];
const shownAtFirst = [...board.children];
// After so long without a key the server is asked: its search forgives mistakes, and costs a request.
const PAUSE_MS = 400;

function say(text, isError = false) {
  status.textContent = text;
  status.classList.toggle("error", isError);
}

/** Sends a request; answers its body, or says what went wrong and answers null. */
async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    const result = await answer.json();
    if (answer.ok) return result;
    if (answer.status === 401) return location.assign("/");
    const wait = Number(answer.headers.get("X-Ratelimit-Reset"));
    say(
      answer.status === 429 && wait > 0
        ? `Too quick: wait ${(wait / 1000).toFixed(1)} s.`
        : result.error.message,
      true,
    );
  } catch {
    say("The server does not answer.", true);
  }
  return null;
}

async function play(button) {
  button.setAttribute("aria-busy", "true");
  const played = await send(`/api/guilds/${guild.value}/play`, {
    sound: button.dataset.sound,
    source: "local",
  });
  button.removeAttribute("aria-busy");
  if (played) say(`Playing ${played.sound}.`);
}

board.addEventListener("click", (event) => {
  const button = event.target.closest(".sound");
  if (button) play(button);
});

document.getElementById("stop").addEventListener("click", async () => {
  if (await send(`/api/guilds/${guild.value}/stop`)) say("Stopped.");
});

document.getElementById("leave").addEventListener("click", async () => {
  if (await send(`/api/guilds/${guild.value}/leave`)) say("Left the voice channel.");
});

document.getElementById("logout").addEventListener("click", async () => {
  if (await send("/logout")) location.assign("/");
});

function buttonOf(sound) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "sound";
  button.dataset.sound = sound.file_name;
  button.textContent = sound.name;
  button.disabled = !sound.playable;
  button.title = sound.reason ?? "";
  return button;
}

let pause;
let asked;

/** Shows the sounds that have what is typed in their names; all where nothing is. */
function filter() {
  const wanted = search.value.trim().toLowerCase();
  board.replaceChildren(...shownAtFirst);
  for (const button of sounds) button.hidden = !button.textContent.toLowerCase().includes(wanted);
  return wanted;
}

/** Shows what the server finds, the best first. What is shown stays where it does not answer. */
async function find() {
  clearTimeout(pause);
  pause = undefined;
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const query = new URLSearchParams({ guild: guild.value, query: search.value.trim(), limit: 50 });
  try {
    const answer = await fetch(`/api/sounds?${query}`, { signal });
    if (!answer.ok) return;
    const { results } = await answer.json();
    if (!signal.aborted && results.length) board.replaceChildren(...results.map(buttonOf));
  } catch {
    // Another search has taken its place, or the server does not answer.
  }
}

search.addEventListener("input", () => {
  clearTimeout(pause);
  asked?.abort();
  pause = filter() && guild.value ? setTimeout(find, PAUSE_MS) : undefined;
});

guild.addEventListener("change", () => {
  if (filter()) find();
});

search.addEventListener("keydown", async (event) => {
  if (event.key !== "Enter") return;
  if (pause) await find();
  const first = board.querySelector(".sound:enabled:not([hidden])");
  if (first) play(first);
});
