"""What differs between machines and Keras backends: devices, XLA, precision."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from melodyforge.errors import SettingsError
from melodyforge.networks._keras import keras
from melodyforge.training.optimizer import FlatAdamW

LEAST_OPERATIONS_TO_COMPILE = 2e12  # without XLA they take 40 seconds on two cores


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Attributes:
        num_gpus: GPUs that are used, all of them.
        strategy: TensorFlow's way of using several devices, or None.
    """

    num_gpus: int
    strategy: Any = None

    @property
    def num_devices(self) -> int:
        """Devices that share a batch."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def use_xla(self, num_operations: float) -> bool:
        """Whether compiling pays for a training of so many floating-point operations.

        XLA doubles the speed on the CPU, and takes 20 seconds before the first step. On a GPU it would keep Keras from
        the faster cuDNN kernel of the LSTM. It cannot reach the variables that a strategy keeps on other devices.
        JAX has nothing else, and a hundredth of the speed without.
        """
        if keras.backend.backend() == "jax":
            return True
        return self.num_gpus == 0 and self.strategy is None and num_operations > LEAST_OPERATIONS_TO_COMPILE

    def optimizer_class(self) -> type[keras.optimizers.Optimizer]:
        """AdamW: of all weights at once where a graph is made of it, Keras' own where not, or on several devices."""
        has_graph = self.strategy is None and keras.backend.backend() != "torch"
        return FlatAdamW if has_graph else keras.optimizers.AdamW

    def scope(self) -> AbstractContextManager:
        """Where networks and optimizers are to be made."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def describe(self) -> str:
        """For people."""
        kind = f"{self.num_gpus} GPU{'s' * (self.num_gpus > 1)}" if self.num_gpus else "CPU"
        return f"{kind}, Keras {keras.__version__} on {keras.backend.backend()}"


def find_machine(is_one_of_many: bool = False) -> Machine:
    """Looks for GPUs; with TensorFlow and several of them, each takes its share of every batch.

    Args:
        is_one_of_many: whether machines share the work, which compute on their processors.

    Raises:
        SettingsError: this backend cannot share work.
    """
    if is_one_of_many:
        if keras.backend.backend() != "tensorflow":
            raise SettingsError(
                f"--cluster needs TensorFlow. Received KERAS_BACKEND={keras.backend.backend()}. Leave one of them out."
            )
        return Machine(0)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        num_gpus = len(tf.config.list_physical_devices("GPU"))
        return Machine(num_gpus, tf.distribute.MirroredStrategy() if num_gpus > 1 else None)
    if keras.backend.backend() == "torch":
        import torch

        return Machine(int(torch.cuda.is_available()))
    return Machine(sum(device.startswith("gpu") for device in keras.distribution.list_devices()))


def set_precision(precision: str, machine: Machine) -> None:
    """Sets Keras' dtype policy; `auto` means mixed precision on a GPU only, but for JAX, whose cuDNN takes none."""
    if precision == "auto":
        precision = "bfloat16" if machine.num_gpus and keras.backend.backend() != "jax" else "float32"
    keras.mixed_precision.set_global_policy(precision if precision == "float32" else f"mixed_{precision}")


def sync_variables(model: keras.Model) -> None:
    """Gives the variables of a model that is being trained their values of now, which JAX keeps apart meanwhile.

    What is assigned to them afterwards counts in the next step.
    """
    sync = getattr(model, "jax_state_sync", None)
    if sync:
        sync()
