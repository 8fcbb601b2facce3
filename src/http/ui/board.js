// The sound board: every press is one request. What the page shows at first is in its HTML, so
// opening it costs none.

const guild = document.getElementById("guild");
const search = document.getElementById("search");
const status = document.getElementById("status");
const sounds = [...document.querySelectorAll(".sound")];

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

for (const button of sounds) button.addEventListener("click", () => play(button));

document.getElementById("stop").addEventListener("click", async () => {
  if (await send(`/api/guilds/${guild.value}/stop`)) say("Stopped.");
});

document.getElementById("leave").addEventListener("click", async () => {
  if (await send(`/api/guilds/${guild.value}/leave`)) say("Left the voice channel.");
});

document.getElementById("logout").addEventListener("click", async () => {
  if (await send("/logout")) location.assign("/");
});

search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  for (const button of sounds) button.hidden = !button.textContent.toLowerCase().includes(wanted);
});

search.addEventListener("keydown", (event) => {
  const first = sounds.find((button) => !button.hidden);
  if (event.key === "Enter" && first) play(first);
});
