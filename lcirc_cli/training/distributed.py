"""One process or many: started by torchrun, or not at all.

The slots of a step are shared among the processes and the gradients are summed, so that the same
global batch gives the same gradient on any number of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """This process and how many there are."""

    rank: int = 0
    world_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files and speaks to the person."""
        return self.rank == 0

    def slots(self, count: int) -> range:
        """The slots of a step that are this process's."""
        return range(self.rank, count, self.world_size)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Add up the gradients of all processes, in place.

        One flat buffer: a parameter without a gradient in one process (a document without the
        mixer) counts as zero there, so no process waits for another. Without one in any it has
        none afterwards, as in a single process: AdamW passes it over, decay and all.
        """
        if self.world_size == 1:
            return
        kept = list(parameters)
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in kept]
        present = grads[0].new_tensor([float(p.grad is not None) for p in kept])
        flat = torch.cat([*(grad.reshape(-1) for grad in grads), present])
        dist.all_reduce(flat)
        anywhere = (flat[-len(kept) :] > 0).tolist()
        offset = 0
        for parameter, grad, found in zip(kept, grads, anywhere, strict=True):
            summed = flat[offset : offset + grad.numel()].view_as(grad)
            parameter.grad = summed if found else None
            offset += grad.numel()

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes."""
        if self.world_size > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.sum(torch.tensor(float(flag))).item() > 0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.world_size > 1:
            dist.barrier()


def start_processes() -> Processes:
    """Join the group that torchrun started; one process otherwise."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    if not dist.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        # gloo besides nccl: flags and sums of the log live on the CPU.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend)
    return Processes(dist.get_rank(), dist.get_world_size())
