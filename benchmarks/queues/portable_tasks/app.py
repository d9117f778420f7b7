"""The task in portable; run by the workers of `portable dev`."""

from queues.done import done

from portable import App

app = App("bench")


@app.task(max_attempts=3)
def one(number: int) -> None:
    done()
