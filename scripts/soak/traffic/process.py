"""Runs callers, or the upstreams and the provider, in a process of their own, so that they do not delay each other."""

import asyncio
import multiprocessing

from . import good, hostile
from .tally import Tally
from ..provider import Provider
from ..upstreams import Upstreams


class Process:
    """A process that runs `work(pipe, ...)`, and answers what it is told through the pipe."""

    def __init__(self, work, *arguments):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=run, args=(work, other, arguments), daemon=True)
        self.process.start()
        other.close()

    def ask(self, what, seconds=120):
        self.pipe.send(what)
        return self.answer(seconds)

    def answer(self, seconds=120):
        if not self.pipe.poll(seconds):
            raise AssertionError(f"the process of {self.process.name} does not answer")
        return self.pipe.recv()

    def end(self):
        self.process.terminate()
        self.process.join()


def run(work, pipe, arguments):
    try:
        asyncio.run(work(pipe, *arguments))
    except KeyboardInterrupt:
        pass


def words(pipe):
    """What the main process says, as it says it."""
    queue = asyncio.Queue()

    def read():
        try:
            queue.put_nowait(pipe.recv())
        except EOFError:
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            queue.put_nowait("stop")
    asyncio.get_running_loop().add_reader(pipe.fileno(), read)
    return queue


async def callers(pipe, kind, ports):
    """Good or hostile callers, until `stop`. Every other word is the name of the phase that begins."""
    tally, stop, told = Tally(), asyncio.Event(), words(pipe)
    of_kind = {"good": good, "hostile": hostile}[kind].callers(tally, ports)
    tasks = [asyncio.ensure_future(caller.run(stop)) for caller in of_kind]
    while (word := await told.get()) != "stop":
        tally.phase = word
        pipe.send("ready")
    stop.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    result = tally.result()
    result["bugs"] = [repr(error) for error in ended if isinstance(error, BaseException)]
    pipe.send(result)


async def servers(pipe):
    """The upstreams and the provider, until `stop`."""
    upstreams, provider, told = Upstreams(), Provider(), words(pipe)
    pipe.send((await upstreams.listen(), await provider.listen()))
    failing = None
    while (word := await told.get()) != "stop":
        if word == "counts":
            pipe.send({**upstreams.counts, **{f"sign-ins {name}": count for name, count in provider.counts.items()}})
            continue
        if failing:
            failing.cancel()
            await asyncio.gather(failing, return_exceptions=True)
        failing = asyncio.ensure_future(upstreams.fail_in_turn(word)) if word else None
        pipe.send("ready")
