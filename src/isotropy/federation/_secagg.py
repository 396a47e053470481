"""Sums over sites by Flower's SecAgg+: its exchange of keys, its shares and its masks, about words of 64 bits.

A word goes as three digits of 22 bits, each of them a number that Flower's quantisation takes for exactly that digit,
so that sums are those of the words, to the last bit. Flower 1.42 draws a mask from 32 bits of the key that two sites
share, which a computer can try out one after the other; so the words are masked before by all 256 bits of it
(`_secure.with_masks`). Source: Bell et al., CCS 2020 (SecAgg+).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isotropy.errors import DomainError, InfeasibleError, counted
from isotropy.federation._node import Kind, Numbers, Tensors
from isotropy.federation._protocol import in_order
from isotropy.federation._secure import with_masks
from isotropy.federation._words import Layout, Words

BITS = 22
"""Of a digit; Flower's words have 32, so that a thousand sites add up."""
_CLIP = 8.0
"""Numbers that Flower takes are at most this large, in 2^22 steps."""
_STEP = 2 * _CLIP / 2**BITS
_MOST = 1000


def digits_of(words: Words) -> NDArray[np.float64]:
    """Three digits of each word, ``(3, n)``, as numbers between -8 and 8."""
    digits = np.stack([words >> np.uint64(BITS * k) & np.uint64(2**BITS - 1) for k in range(3)])
    return digits.astype(np.float64) * _STEP - _CLIP


def words_of(means: NDArray[np.float64], sites: int) -> Words:
    """The sum, modulo 2^64, of words of which the digits have these means over sites.

    >>> words = [np.array([2**64 - 3, 7], np.uint64), np.array([5, 2**50], np.uint64)]
    >>> words_of((digits_of(words[0]) + digits_of(words[1])) / 2, 2).tolist() == [2, 7 + 2**50]
    True
    """
    sums = np.rint((means + _CLIP) / _STEP * sites).astype(np.uint64)
    return sums[0] + (sums[1] << np.uint64(BITS)) + (sums[2] << np.uint64(2 * BITS))


def mod(message: Any, context: Any, call_next: Callable[[Any, Any], Any]) -> Any:
    """Flower's modifier, for messages of its protocol and no others."""
    if not asked(message):
        return call_next(message, context)
    return import_module("flwr.client.mod").secaggplus_mod(message, context, call_next)


def asked(message: Any) -> bool:
    """Whether a message belongs to the protocol, so that its answer leaves the site masked."""
    return _constants().RECORD_KEY_CONFIGS in message.content.config_records


def question(message: Any) -> tuple[Kind, Tensors, Numbers]:
    """What the server asks by a message of the protocol."""
    compat, common = import_module("flwr.compat.common.recorddict_compat"), import_module("flwr.common")
    told = compat.recorddict_to_fitins(message.content, True)
    arrays = common.parameters_to_ndarrays(told.parameters)
    names, numbers = json.loads(told.config["names"]), json.loads(told.config["numbers"])
    # Copied: what Flower gives shares memory with the message.
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in zip(names, arrays, strict=True)}
    return told.config["kind"], tensors, numbers


def content_of(words: Words, layout: Layout, site: int, message: Any, context: Any, sites: int) -> Any:
    """The answer, for the modifier to mask, under the masks of the keys that it exchanged with the other sites.

    Raises DomainError where it exchanged them with fewer than all: a sum over fewer sites tells more.
    """
    compat, common = import_module("flwr.compat.common.recorddict_compat"), import_module("flwr.common")
    state = context.state.config_records[_constants().RECORD_KEY_STATE]
    keys = dict(zip(state["ss2_dict:K"], state["ss2_dict:V"], strict=True))
    if len(keys) != sites - 1:
        given = f"keys of {counted(len(keys), 'other site')}"
        raise DomainError(given, f"keys of {sites - 1}, each other site's")
    masked = with_masks(words, keys, message.metadata.dst_node_id, b"SecAgg+")
    told = common.FitRes(
        status=common.Status(common.Code.OK, ""),
        parameters=common.ndarrays_to_parameters([digits_of(masked)]),
        num_examples=1,
        metrics={"site": site, "layout": json.dumps(layout)},
    )
    return compat.fitres_to_recorddict(told, True)


def added_up(
    grid: Any, context: Any, nodes: Sequence[int], names: Sequence[str], kind: Kind, tensors: Tensors,
    numbers: Mapping[str, float],
) -> tuple[Words, Layout]:  # fmt: skip
    """The server's side: one question to all nodes, and the sum of what they answer.

    Raises InfeasibleError, with the reason of the first, where a site fails or says nothing.
    """
    if len(nodes) > _MOST:
        raise InfeasibleError(counted(len(nodes), "site"), f"at most {_MOST}", "digits of more do not add up")
    flwr, common = import_module("flwr.app"), import_module("flwr.common")
    config = {"kind": kind, "names": json.dumps(list(tensors)), "numbers": json.dumps(dict(numbers))}
    sent = common.ndarrays_to_parameters([value.detach().numpy() for value in tensors.values()])
    sums = _Sums(nodes, common.FitIns(sent, config))
    own = copy.copy(context)
    own.state = flwr.RecordDict({"config": flwr.ConfigRecord({"current_round": 1}), "parameters": flwr.ArrayRecord()})
    manager = SimpleNamespace(num_available=lambda: len(nodes))
    legacy = import_module("flwr.server").LegacyContext(own, strategy=sums, client_manager=manager)
    # Shares of a key go to all sites, and two thirds of them give it back.
    workflow = import_module("flwr.server.workflow").SecAggPlusWorkflow(
        1.0, 2 / 3, max_weight=1.0, clipping_range=_CLIP, quantization_range=2**BITS
    )
    workflow(_Watched(grid, sums), legacy)
    if sums.mean is None or len(sums.told) < len(nodes):
        given = f"{len(sums.told)} of {counted(len(nodes), 'answer')} to {kind!r} for a sum"
        why = f": {sums.failures[0][:500]}" if sums.failures else ""
        raise InfeasibleError(f"{given}{why}", "an answer of every site")
    told = in_order(sums.told, list(names), kind)
    return words_of(sums.mean, len(nodes)), {k: tuple(shape) for k, shape in json.loads(told[0][0]).items()}


class _Sums:
    """What Flower's workflow asks of a strategy: whom to ask what, and what to do with the mean."""

    def __init__(self, nodes: Sequence[int], question: Any) -> None:
        self.nodes, self.question = nodes, question
        self.mean: NDArray[np.float64] | None = None
        self.told: list[tuple[str, Numbers]] = []
        self.failures: list[str] = []

    def configure_fit(self, number: int, parameters: Any, manager: Any) -> list[tuple[Any, Any]]:
        return [(SimpleNamespace(node_id=node), self.question) for node in self.nodes]

    def aggregate_fit(self, number: int, results: list[tuple[Any, Any]], failures: list[Any]) -> tuple[None, Any]:
        common = import_module("flwr.common")
        self.told = [(res.metrics["layout"], {"site": float(res.metrics["site"])}) for _, res in results]
        # The mean is the same in each.
        (self.mean,) = common.parameters_to_ndarrays(results[0][1].parameters)
        return None, {}


class _Watched:
    """A grid whose errors are kept: the workflow counts them, and does not say what they were."""

    def __init__(self, grid: Any, sums: _Sums) -> None:
        self.grid, self.sums = grid, sums

    def send_and_receive(self, messages: Any, *, timeout: float | None = None) -> list[Any]:
        replies = list(self.grid.send_and_receive(messages, timeout=timeout))
        self.sums.failures += [str(reply.error.reason) for reply in replies if reply.has_error()]
        return replies


def _constants() -> Any:
    return import_module("flwr.common.secure_aggregation.secaggplus_constants")
