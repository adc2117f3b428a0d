// Plays where one clicks, shows where it plays, and whose scores are those of the sentence.
const sound = document.getElementById("sound");
const timeline = document.getElementById("timeline");
const head = document.getElementById("head");
const sentences = [...document.querySelectorAll("#said li[data-start]")];
const length = Number(timeline.dataset.length);
const [left, , width] = timeline.getAttribute("viewBox").split(" ").map(Number);

function play(seconds) {
  sound.currentTime = seconds;
  sound.play();
}

for (const button of document.querySelectorAll("[data-seek]")) {
  button.addEventListener("click", () => play(Number(button.dataset.seek)));
}

timeline.addEventListener("click", (event) => {
  const box = timeline.getBoundingClientRect();
  const x = left + ((event.clientX - box.left) / box.width) * width;
  play(Math.min(Math.max(0, (x / 800) * length), length));
});

sound.addEventListener("timeupdate", () => {
  const x = (800 * sound.currentTime) / length;
  head.setAttribute("x1", x);
  head.setAttribute("x2", x);
  for (const sentence of sentences) {
    const { start, end } = sentence.dataset;
    sentence.classList.toggle("now", sound.currentTime >= start && sound.currentTime < end);
  }
});

for (const sentence of sentences) {
  sentence.addEventListener("click", () => {
    if (!sentence.dataset.scores) return;
    for (const other of sentences) other.classList.toggle("chosen", other === sentence);
    document.getElementById("main-emotion").textContent = sentence.dataset.emotion;
    for (const [emotion, score] of Object.entries(JSON.parse(sentence.dataset.scores))) {
      const row = document.querySelector(`#scores dd[data-emotion="${emotion}"]`);
      row.querySelector("meter").value = score;
      row.querySelector("output").textContent = score.toFixed(2);
    }
  });
}

document.getElementById("raw").addEventListener("change", (event) => {
  document.getElementById("said").classList.toggle("decoded", event.target.checked);
});

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea, select")) return;
  if (event.key === " ") {
    event.preventDefault();
    sound.paused ? sound.play() : sound.pause();
  }
  if (event.key === "ArrowLeft") sound.currentTime -= 10;
  if (event.key === "ArrowRight") sound.currentTime += 10;
});
