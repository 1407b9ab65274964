"""Tokens one by one from a model, with their probabilities. Imported by the process that answers: needs torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

Model = Callable[[], Any]


@torch.inference_mode()  # type: ignore[untyped-decorator]
def generate(model: Model, ids: list[int], params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tokens behind `ids`, each with the log probability that the model itself gives it (before temperature, bias
    and penalties) and the likeliest others; up to one of `stops`, which is left out."""
    chance = torch.Generator()
    if params["seed"] is None:
        chance.seed()
    else:
        chance.manual_seed(params["seed"])
    stops, said = set(params["stops"]), Counter[int]()
    cache, given = None, ids
    for _number in range(params["max_tokens"]):
        known = model()
        found = known(
            input_ids=torch.tensor([given], device=known.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, scores = found.past_key_values, found.logits[0, -1].float().cpu()
        token = _chosen(scores, params, said, chance)
        if token in stops:
            return
        logs = torch.log_softmax(scores, -1)
        best = logs.topk(min(params["top"], len(logs)))
        yield {
            "token": token,
            "logprob": float(logs[token]),
            "top": [[int(i), float(v)] for i, v in zip(best.indices, best.values, strict=True)],
        }
        said[token] += 1
        given = [token]


def _chosen(scores: Any, params: Mapping[str, Any], said: Counter[int], chance: Any) -> int:
    scores = scores.clone()
    for token, bias in params["logit_bias"]:
        if token < len(scores):
            scores[token] += bias
    if said and (params["presence_penalty"] or params["frequency_penalty"]):
        tokens = torch.tensor(list(said))
        times = torch.tensor([float(said[int(token)]) for token in tokens])
        scores[tokens] -= params["presence_penalty"] + params["frequency_penalty"] * times
    if params["temperature"] <= 0:
        return int(scores.argmax())
    shares = torch.softmax(scores / params["temperature"], -1)
    if params["top_p"] < 1:
        ordered, places = shares.sort(descending=True, stable=True)
        ordered[ordered.cumsum(0) - ordered >= max(params["top_p"], 1e-9)] = 0
        return int(places[torch.multinomial(ordered, 1, generator=chance)])
    return int(torch.multinomial(shares, 1, generator=chance))


@torch.inference_mode()  # type: ignore[untyped-decorator]
def score(model: Model, ids: list[int], begin: int) -> Iterator[dict[str, Any]]:
    """The log probability of each token from `begin` on."""
    known = model()
    logs = torch.log_softmax(known(input_ids=torch.tensor([ids], device=known.device)).logits[0].float(), -1)
    yield {"values": [float(logs[at - 1, ids[at]]) for at in range(max(1, begin), len(ids))]}


@torch.inference_mode()  # type: ignore[untyped-decorator]
def embed(model: Model, ids: list[int]) -> Iterator[dict[str, Any]]:
    """The mean of the last layer over the tokens, as a vector of length 1."""
    known = model()
    found = known(input_ids=torch.tensor([ids], device=known.device), output_hidden_states=True, logits_to_keep=1)
    mean = found.hidden_states[-1][0].float().mean(0)
    yield {"values": (mean / mean.norm().clamp(min=1e-12)).tolist()}
