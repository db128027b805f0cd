"""Hugging Face Trainer with Ray Tune: ``hyperparameter_search(backend="ray")``.

``horizon`` counts evaluations, in Ray's ``training_iteration``: the number of epochs with
``eval_strategy="epoch"``. The Trainer reports ``epoch`` too, which is the same whatever the batch size: with
``time_attr="epoch"`` and the number of epochs for the horizon, evaluate as often as you like
(``eval_strategy="steps"``). With the default ``eval_strategy="no"`` nothing can be stopped, and the Trainer
warns of that for Ray's own schedulers only.

``metric`` is always ``objective``, what ``compute_objective`` returns, and ``mode`` the ``direction``. The
best trial is found by its last evaluation (``RAY_SCOPE``), hence ``target="final"``.

    pip install "lcstop[ray]" "transformers[torch]" scikit-learn
"""

import tempfile

import torch
from ray import tune
from ray.tune.search import BasicVariantGenerator
from sklearn.datasets import load_digits
from transformers import PrinterCallback, Trainer, TrainingArguments

from lcstop_ray import LCPFNScheduler

EPOCHS, TRIALS = 12, 12
X, y = load_digits(return_X_y=True)
data = [
    {"pixels": torch.tensor(pixels / 16, dtype=torch.float32), "labels": int(label)}
    for pixels, label in zip(X, y, strict=True)
]
train, valid = data[:1300], data[1300:]


class Network(torch.nn.Module):
    """A small network made here, in the place of ``AutoModelForImageClassification.from_pretrained``."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(64, 10)
        )

    def forward(self, pixels, labels):
        """Loss and logits, as the Trainer wants them."""
        logits = self.layers(pixels)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def model_init(config: dict | None) -> Network:
    """A model to start from; the Trainer also asks for one before there is a configuration."""
    return Network(config["dropout"] if config else 0)


def accuracy(prediction) -> dict:
    """Reported as ``eval_accuracy``."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


if __name__ == "__main__":
    scheduler = LCPFNScheduler(  # the one line
        metric="objective", mode="max", horizon=EPOCHS, lower=0, upper=1, target="final"
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=64,
            per_device_eval_batch_size=len(valid),
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            model_init=model_init,
            args=arguments,
            train_dataset=train,
            eval_dataset=valid,
            compute_metrics=accuracy,
        )
        trainer.remove_callback(PrinterCallback)
        best = trainer.hyperparameter_search(
            hp_space=lambda _: {
                "learning_rate": tune.loguniform(1e-5, 1),
                "weight_decay": tune.loguniform(1e-4, 1),
                "dropout": tune.uniform(0, 0.7),
            },
            compute_objective=lambda metrics: metrics["eval_accuracy"],
            n_trials=TRIALS,
            direction="maximize",
            backend="ray",
            search_alg=BasicVariantGenerator(random_state=0),  # whatever follows goes to ray.tune.run
            scheduler=scheduler,
        )
    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {best.objective:.4f}")
