"""Trains on two virtual devices and on one; run by test_several_devices.py in a process of its own."""

import json
import sys
from pathlib import Path

import tensorflow as tf

from melodyforge.training.backend import Machine
from melodyforge.training.data import prepare_data
from melodyforge.training.plan import make_plan
from melodyforge.training.train import Training, Watcher
from tests.conftest import small, write_store
from tests.music_samples import tune


def main() -> None:
    folder = Path(sys.argv[1])
    devices = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
    store = write_store(folder / "dataset", [tune(index) for index in range(6)])
    recipe = small("classic", epochs=2)
    data = prepare_data(store, recipe)
    found = {}
    for name, strategy in (("one", None), ("two", tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))):
        machine = Machine(0, strategy)
        training = Training(
            data, recipe, make_plan(data, recipe), machine=machine, model_dir=folder / name, watcher=Watcher()
        )
        training.run()
        found[name] = {"devices": machine.num_devices} | training.progress.history[-1]
    print(json.dumps(found))


main()
