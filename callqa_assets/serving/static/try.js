// Sends the chosen file, follows its progress, and opens its page when it is done.
const form = document.getElementById("try");
const state = document.getElementById("state");
const progress = document.getElementById("progress");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  state.className = "";
  state.textContent = state.dataset.sending;
  try {
    const answer = await fetch("/api/batch_transcribe", { method: "POST", body: new FormData(form) });
    const batch = await answer.json();
    if (!answer.ok) throw new Error(batch.error);
    await follow(batch.status_url);
  } catch (error) {
    fail(error.message);
  } finally {
    button.disabled = false;
  }
});

function follow(url) {
  progress.hidden = false;
  return new Promise((resolve) => {
    const events = new EventSource(`${url}/events`);
    events.addEventListener("file", (event) => {
      const file = JSON.parse(event.data);
      progress.value = file.stages_done ?? 0;
      if (file.stages) progress.max = file.stages;
      state.textContent = state.dataset.working;
      if (file.status === "failed") fail(`${state.dataset.failed}: ${file.reason}`);
      if (file.status === "done") location.assign(`/calls/${file.duplicate_of ?? file.recording_id}`);
    });
    events.addEventListener("batch", () => {
      events.close();
      resolve();
    });
  });
}

function fail(text) {
  progress.hidden = true;
  state.className = "problem";
  state.textContent = text;
}
