"""Hugging Face Trainer with Ray Tune: ``hyperparameter_search(backend="ray")``.

``horizon`` counts evaluations, Ray's ``training_iteration``. With ``eval_strategy="epoch"`` it is the number
of epochs. The Trainer also reports ``epoch``, which does not depend on the batch size. With
``time_attr="epoch"`` and the number of epochs as the horizon, you can evaluate at any interval
(``eval_strategy="steps"``). With the default ``eval_strategy="no"`` no trial can be stopped. The Trainer
warns of that only for Ray's own schedulers.

``metric`` is always ``objective``, the result of ``compute_objective``, and ``mode`` is the ``direction``.
The best trial is chosen by its last evaluation (``RAY_SCOPE``), so the scheduler has ``target="final"``.

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
    """A small network, in place of ``AutoModelForImageClassification.from_pretrained``."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(64, 10)
        )

    def forward(self, pixels, labels):
        """Loss and logits, as the Trainer expects them."""
        logits = self.layers(pixels)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def model_init(config: dict | None) -> Network:
    """A new model. The Trainer also calls this once without a configuration."""
    return Network(config["dropout"] if config else 0)


def accuracy(prediction) -> dict:
    """The accuracy, which the Trainer reports as ``eval_accuracy``."""
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
            search_alg=BasicVariantGenerator(random_state=0),  # this and the following go to ray.tune.run
            scheduler=scheduler,
        )
    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {best.objective:.4f}")
