"""One run on many processes (`accelerate launch -m gcr_tutorial run ...`): who writes, who waits, and who does which share.

With one process every function here does the plain thing. With several they talk through accelerate's one process group
(NCCL on GPUs, gloo on CPUs), which waits for a day instead of minutes: the main process may draw or caption for long while
the others wait. A process that died does not take a day to notice: gloo sees its connections close, and `accelerate launch`
ends the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import gather_object


def start() -> None:
    """Join the other processes, if a launcher (accelerate, torchrun) started more than one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=1))


def stop() -> None:
    """Leave the other processes when all work is done."""
    if count() > 1:
        dist.destroy_process_group()


def count() -> int:
    """How many processes share this run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_main() -> bool:
    """Whether this is the process that writes files and prints."""
    return rank() == 0


def print_main(line: str) -> None:
    """Print `line`, once for all processes."""
    if is_main():
        print(line, flush=True)


def wait() -> None:
    """Wait until every process has come here."""
    if count() > 1:
        PartialState().wait_for_everyone()


def main_first(work: Callable[[], Any]) -> Any:
    """What `work` returns on each process; the main process goes first, so that the others find what it put on disk."""
    if not is_main():
        wait()
    result = work()
    if is_main():
        wait()
    return result


def gather(value: Any) -> list[Any]:
    """The `value` of each process, in the order of their numbers, on all of them."""
    return gather_object([value]) if count() > 1 else [value]


def total(values: Sequence[float]) -> list[float]:
    """Each of `values` summed over the processes; the same answer on all of them."""
    return [sum(column) for column in zip(*gather(values))]


def map_sharded(items: Sequence[Any], work: Callable[[Sequence[Any]], Sequence[Any]]) -> list[Any]:
    """`work(items)`, one result an item in their order, where each process works on every `count()`-th of the items."""
    shares = gather(list(work(items[rank() :: count()])) if rank() < len(items) else [])
    results: list[Any] = [None] * len(items)
    for number, share in enumerate(shares):
        results[number :: count()] = share
    return results


def is_peer_failure(error: BaseException) -> bool:
    """Whether `error` says that another process of this run died or does not answer."""
    return count() > 1 and (isinstance(error, dist.DistError) or "gloo" in str(error).lower())
