"""The application on Flower: its messages carried to the same functions of site and server as everywhere else.

Flower is imported where it is used: it is an extra of its own, [federated], in an environment of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from isotropy.errors import InfeasibleError, counted
from isotropy.federation._node import KINDS, Kind, Node, Numbers, Parcel, Tensors
from isotropy.federation._protocol import coordinate, outcome_tensors, stats_of, stats_tensors
from isotropy.federation._request import read_request
from isotropy.federation._secagg import added_up, asked, content_of, mod, question
from isotropy.federation._statistics import ClassStats
from isotropy.federation._words import Layout, Words
from isotropy.storage import write_whole

PAUSE = 0.5  # seconds between two looks for sites that have not registered yet


def client_app() -> Any:
    """The ClientApp of a site: ``config`` and ``seed`` are in the run's configuration, the site in its node's.

    A node says which site it is by ``site="NAME"`` in its configuration; simulated ones by their ``partition-id``.
    Raises ModuleNotFoundError without Flower.
    """
    flwr = import_module("flwr.app")
    app = import_module("flwr.clientapp").ClientApp(mods=[mod])

    def handler(kind: Kind) -> Callable[[Any, Any], Any]:
        def handle(message: Any, context: Any) -> Any:
            path = Path(str(context.run_config["config"])).absolute()
            request = read_request(path)
            names = [client.name for client in request.clients]
            place = context.node_config
            site = names.index(place["site"]) if "site" in place else int(place["partition-id"])
            node = Node(request, path.parent, site, int(context.run_config["seed"]))
            # What a site keeps lies in the state that Flower gives back to it, and nowhere else.
            memory = _tensors(context.state)
            if asked(message):
                words, layout = node.summand(*question(message), memory)
                content = content_of(words, layout, site, message, context, len(names))
            else:
                tensors, numbers = _tensors(message.content), _numbers(message.content)
                content = _content(flwr, *node.answer(kind, tensors, numbers, memory))
            context.state["tensors"] = flwr.ArrayRecord(torch_state_dict=memory)
            return flwr.Message(content, reply_to=message)

        return handle

    for kind in KINDS:
        name, _, action = kind.partition(".")
        register = getattr(app, name)
        (register(action) if action else register())(handler(kind))
    return app


def server_app() -> Any:
    """The ServerApp: waits for all sites, asks for statistics, sends what they are together, and runs the rounds.

    Weights, losses and statistics go to the file ``out`` of the run's configuration, if it names one; statistics stand
    in the file ``released``, or are written there as soon as they are known, so that noise is not drawn again. Raises
    ModuleNotFoundError without Flower; in a run InfeasibleError where, in ``wait`` seconds, not as many sites as the
    request names are there, or one of them fails.
    """
    flwr = import_module("flwr.app")
    app = import_module("flwr.serverapp").ServerApp()

    def main(grid: Any, context: Any) -> None:
        config = context.run_config
        path, wait = Path(str(config["config"])).absolute(), float(config["wait"])
        request = read_request(path)
        names = [client.name for client in request.clients]
        nodes = registered(grid.get_node_ids, len(request.clients), wait)

        def ask(kind: Kind, tensors: Tensors, numbers: Numbers) -> list[Parcel]:
            sent = [
                flwr.Message(content=_content(flwr, tensors, numbers), dst_node_id=node, message_type=kind)
                for node in nodes
            ]
            # Without a limit: how long a site trains is not known, and one that is gone Flower answers for.
            replies = list(grid.send_and_receive(sent, timeout=None))
            failed = [str(reply.error.reason) for reply in replies if reply.has_error()]
            if failed or len(replies) < len(nodes):
                given = f"{len(replies) - len(failed)} of {counted(len(nodes), 'answer')} to {kind!r}"
                raise InfeasibleError(f"{given}{': ' + failed[0][:500] if failed else ''}", "an answer of every site")
            return [(_tensors(reply.content), _numbers(reply.content)) for reply in replies]

        def add(kind: Kind, tensors: Tensors, numbers: Numbers) -> tuple[Words, Layout]:
            return added_up(grid, context, nodes, names, kind, tensors, numbers)

        def keep(stats: dict[str, ClassStats]) -> None:
            if config["released"] and released is None:
                write_whole(Path(str(config["released"])), save(stats_tensors(stats)))

        released = None
        if config["released"] and Path(str(config["released"])).is_file():
            released = stats_of(load_file(str(config["released"])), names)
        outcome = coordinate(ask, request, int(config["seed"]), add=add, released=released, keep=keep)
        for name, (right, held) in outcome.told.items():
            print(f"{name}: {right} of {counted(held, 'row')} held out told right")
        if config["out"]:
            write_whole(Path(str(config["out"])), save(outcome_tensors(outcome)))

    app.main()(main)
    return app


def registered(node_ids: Callable[[], Iterable[int]], expected: int, wait: float) -> list[int]:
    """The nodes, once there are as many as ``expected``: a question asked before reaches nobody, and says nothing.

    Raises InfeasibleError for fewer after ``wait`` seconds, and for more.
    """
    deadline = time.monotonic() + wait
    while len(found := sorted(node_ids())) < expected:
        if time.monotonic() > deadline:
            raise InfeasibleError(
                f"{len(found)} of {counted(expected, 'site')} registered in {wait:g} s", "a node for each site",
                f"start {expected} nodes (--federation-config num-supernodes={expected}), or give a longer wait=",
            )  # fmt: skip
        time.sleep(PAUSE)
    if len(found) > expected:
        raise InfeasibleError(
            f"{counted(len(found), 'node')} for {counted(expected, 'site')}", "one node for each site"
        )
    return found


def _content(flwr: Any, tensors: Tensors, numbers: Numbers) -> Any:
    parts = {"tensors": flwr.ArrayRecord(torch_state_dict=tensors), "numbers": flwr.ConfigRecord(dict(numbers))}
    return flwr.RecordDict(parts)


def _tensors(record: Any) -> Tensors:
    # Cloned: what Flower gives shares memory with the message.
    kept: dict[str, Tensor] = record["tensors"].to_torch_state_dict() if "tensors" in record else {}
    return {name: value.clone() for name, value in kept.items()}


def _numbers(record: Any) -> Numbers:
    return {name: float(value) for name, value in record["numbers"].items()}
