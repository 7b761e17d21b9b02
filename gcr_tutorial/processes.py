"""One run on many processes (`accelerate launch -m gcr_tutorial run ...`): who writes, who waits, who does which share.

Every function here does the plain thing where there is one process only. Training itself is synchronised by
`accelerate`; what else the processes have to tell each other goes through a group of its own on the CPU (gloo), which
waits for a day where training's own group gives up after minutes: the main process may draw or caption for long. A
process that died is noticed at once by either, since its connections close.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState

_group: Any = None


def start() -> None:
    """Join the other processes, if a launcher (accelerate, torchrun) started more than one."""
    global _group
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and _group is None:
        PartialState(cpu=not torch.cuda.is_available())
        _group = dist.new_group(backend="gloo", timeout=timedelta(days=1))


def stop() -> None:
    """Leave the other processes, all work being done."""
    global _group
    if _group is not None:
        _group = None
        dist.destroy_process_group()


def count() -> int:
    """How many processes share this run."""
    return 1 if _group is None else dist.get_world_size()


def rank() -> int:
    """The number of this process, from 0."""
    return 0 if _group is None else dist.get_rank()


def is_main() -> bool:
    """Whether this is the process that writes files and talks."""
    return rank() == 0


def print_main(line: str) -> None:
    """Print `line`, once for all processes."""
    if is_main():
        print(line, flush=True)


def wait() -> None:
    """Go on when every process has come here."""
    if _group is not None:
        dist.barrier(group=_group)


def main_first(work: Callable[[], Any]) -> Any:
    """What `work` returns on each process; the main one goes first, so that the others find what it put on disk."""
    if not is_main():
        wait()
    result = work()
    if is_main():
        wait()
    return result


def total(values: Sequence[float]) -> list[float]:
    """Each of `values` summed over the processes; the same answer on all of them."""
    if _group is None:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(sums, group=_group)
    return sums.tolist()


def gather(value: Any) -> list[Any]:
    """The `value` of each process, by number, on all of them."""
    if _group is None:
        return [value]
    values = [None] * count()
    dist.all_gather_object(values, value, group=_group)
    return values


def map_sharded(items: Sequence[Any], work: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
    """`work(items)`, one result an item in their order, each process working on every `count()`-th of them."""
    shares = gather(list(work(items[rank() :: count()])) if rank() < len(items) else [])
    results: list[Any] = [None] * len(items)
    for number, share in enumerate(shares):
        results[number :: count()] = share
    return results


def is_peer_failure(error: BaseException) -> bool:
    """Whether `error` says that another process of this run died or does not answer."""
    return _group is not None and (isinstance(error, dist.DistError) or "gloo" in str(error).lower())
