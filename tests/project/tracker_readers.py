"""The reasons of the stops that the examples wrote with MLflow, Weights & Biases and TensorBoard.

Each function reads a folder. The working directory of the example was the folder ``here`` in it.
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

WANDB_BLOCK, WANDB_HEADER = 32768, 7


def of_mlflow(folder: Path) -> list[str]:
    """Reasons of the runs whose metrics say that they were stopped, and at which step."""
    import mlflow

    warnings.simplefilter("ignore")  # MLflow uses what SQLAlchemy has deprecated
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'here' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("digits")
    runs = client.search_runs([experiment.experiment_id])
    search = [run.data.tags.get("lcstop_summary") for run in runs] + [experiment.tags.get("lcstop_summary")]
    assert sum("% of the epochs saved" in (said or "") for said in search) == 1
    stopped = [run.data for run in runs if run.data.metrics.get("lcstop_stopped") == 1]
    assert all(data.metrics["lcstop_step"] < 30 for data in stopped)
    return [data.tags["lcstop_reason"] for data in stopped]


def of_tensorboard(folder: Path) -> list[str]:
    """Reasons of the runs whose scalars say that they were stopped, and at which step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = []
    for run in sorted({path.parent for path in folder.rglob("events.out.tfevents.*")}):
        events = EventAccumulator(str(run))
        events.Reload()
        tags = events.Tags()
        name = next((tag for tag in tags["scalars"] if tag.endswith("lcstop_stopped")), None)
        if name is None or not events.Scalars(name)[-1].value:
            continue
        if "lcstop_reason/text_summary" in tags["tensors"]:
            assert events.Scalars(name.replace("stopped", "step"))[-1].value < 30
            (event,) = events.Tensors("lcstop_reason/text_summary")
            found.append(event.tensor_proto.string_val[0].decode())
    return found


def of_wandb(folder: Path) -> list[str]:
    """Reasons in the offline runs: of each trial of one run, or of each run."""
    found = []
    for path in sorted(folder.rglob("*.wandb")):
        if path.parent.name == "latest-run":  # the same run once more
            continue
        histories = [record for kind, record in _wandb_records(path) if kind == "history"]
        configs = [record for kind, record in _wandb_records(path) if kind == "config"]
        stopped = [record for record in histories if record.get("lcstop_stopped")]
        assert all(record["lcstop_step"] < 30 for record in stopped)
        reasons = [record["lcstop_reason"] for record in stopped if "lcstop_reason" in record]
        reasons += [record["lcstop_reason"] for record in configs[-1:] if record.get("lcstop_reason")]
        assert len(reasons) == len(stopped)
        found += reasons
    return found


def _wandb_records(path: Path) -> Iterator[tuple[str, dict]]:
    """Kind and items of the records of an offline run, in the format of LevelDB's log behind seven bytes."""
    from wandb.proto import wandb_internal_pb2

    content, position, data = path.read_bytes(), WANDB_HEADER, b""
    while position + WANDB_HEADER <= len(content):
        left = WANDB_BLOCK - position % WANDB_BLOCK
        if left < WANDB_HEADER:
            position += left
            continue
        length = int.from_bytes(content[position + 4 : position + 6], "little")
        kind = content[position + 6]  # 1: whole record, 2: first, 3: middle, 4: last piece of one
        data += content[position + WANDB_HEADER : position + WANDB_HEADER + length]
        position += WANDB_HEADER + length
        if kind not in (1, 4):
            continue
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        data = b""
        name = record.WhichOneof("record_type")
        if name in ("history", "config"):
            items = record.history.item if name == "history" else record.config.update
            yield name, {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


READERS = {
    "optuna_mlflow": [of_mlflow],
    "optuna_wandb": [of_wandb],
    "optuna_tensorboard": [of_tensorboard],
    "ray_loggers": [of_mlflow, of_wandb, of_tensorboard],
}
