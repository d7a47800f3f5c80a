"""Speech beside text: how much of its speed generation keeps while speech is being recognised.

As in the app: Whisper base listens in another thread of the same process, over and over, to a sentence that OpenJTalk
spoke, with the number of threads that `WhisperListener` takes by itself. Each figure is the speed of the stream with it
divided by the speed without, in turns. What generation costs the listener is shown as well.
"""

from __future__ import annotations

import statistics

from bench.measuring import in_turns, ratio
from bench.options import PROMPT, Options
from bench.report import Goal, Row, Table
from bench.workers import Worker

_SECONDS = 5.0
_SENTENCE = "発光ダイオードを讃える詩をつくってください。"


def measure(options: Options) -> list[Table]:
    """Tokens per second with and without a listener at work."""
    with Worker("ours", model=options.model, threads=options.n_threads) as ours:
        prompt = ours.ask("tokenize", text=PROMPT)
        ours.ask("listen", sentence=_SENTENCE)
        alone = ours.ask("listen", sentence=_SENTENCE)
        recognitions: list[float] = []

        def speed() -> float:
            return float(ours.ask("speed", prompt=prompt, seconds=_SECONDS))

        def beside() -> float:
            ours.ask("keep_listening")
            try:
                return speed()
            finally:
                recognitions.extend(ours.ask("stop_listening"))

        speed()
        found = in_turns({"alone": speed, "beside": beside}, options.turns)
    figures: dict[str, float | str] = {
        "alone tok/s": statistics.median(found["alone"]),
        "beside it": statistics.median(found["beside"]),
        f"recognising {alone['spoken']:.1f} s of speech alone": f"{alone['seconds']:.2f} s",
        "beside generation": f"{statistics.median(recognitions):.2f} s",
        "heard": str(alone["text"]),
    }
    row = Row("beside Whisper base / alone", Goal(">=", 0.4), ratio(found["beside"], found["alone"]), figures)
    return [Table("speech", "generation while speech is being recognised", [row])]
