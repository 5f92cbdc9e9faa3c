"""FSDP2 for the frozen LM: its layers are dealt out over the processes and gathered when they run.

For an LM that doesn't fit on one device beside the adapter. Only the decoder layers are dealt out;
embeddings and output projection are used outside of a layer and stay whole. All processes must run
the same layers in the same order, so every one has as many documents and joins the validation.
A single process has nobody to share with: it keeps the LM whole.
"""

from __future__ import annotations

import os

import torch
from torch import nn

from lcirc_cli.errors import UsageError
from lcirc_cli.model import LcircConfig, LcircForCausalLM
from lcirc_cli.model.decoders import decoder_layers
from lcirc_cli.training.distributed import Processes
from lcirc_cli.training.settings import TrainSettings


def is_sharded(settings: TrainSettings, processes: Processes) -> bool:
    """Whether the backbone is dealt out in this run."""
    return settings.shard_backbone and processes.world_size > 1


def check_sharding(settings: TrainSettings, config: LcircConfig, processes: Processes) -> None:
    """Refuse what would leave one process waiting for another for ever.

    Raises:
        UsageError: documents that don't divide, or layers that run by themselves.
    """
    if settings.documents % processes.world_size:
        raise UsageError(
            f"shard_backbone: {settings.documents} documents a step can't be dealt out evenly to "
            f"{processes.world_size} processes"
        )
    if config.segment_inputs > 0:
        raise UsageError(
            "shard_backbone works with raw segment inputs: --set adapter.segment_inputs=0 (the "
            "presets paper and smollm2-raw)"
        )


def shard_backbone(model: LcircForCausalLM) -> None:
    """Deal out the LM's layers over all processes; move all else to this process's device.

    The LM may have been loaded to the CPU's memory; one layer at a time is moved.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    device = local_device()
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for layer in decoder_layers(model.lm):
        # Each is a root of its own, which would stay whole after its forward pass.
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    _move_rest(model.lm, device)
    adapter: nn.Module = model.adapter
    adapter.to(device)


def local_device() -> torch.device:
    """The device that torchrun meant for this process."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def _move_rest(lm: nn.Module, device: torch.device) -> None:
    """Embeddings, last norm, output projection and rotary tables; the layers are there already."""
    sharded = {id(inner) for layer in decoder_layers(lm) for inner in layer.modules()}  # type: ignore[arg-type]
    for module in lm.modules():
        if id(module) in sharded:
            continue
        for parameter in module.parameters(recurse=False):
            parameter.data = parameter.data.to(device)
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = buffer.to(device)
