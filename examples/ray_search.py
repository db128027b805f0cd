"""A search with Ray Tune, on one machine or on a cluster: see ray_cluster.md."""

from __future__ import annotations

import argparse

from ray import tune

from lcstop.demo.digits import DigitsConfig, train
from lcstop_ray import LCPFNScheduler

EPOCHS = 30


def trainable(config: dict) -> None:
    """Train a small network on scikit-learn's digits. Ray runs it on any machine with a free CPU."""
    for accuracy in train(DigitsConfig(**config), EPOCHS):
        tune.report({"accuracy": accuracy})


def main() -> None:
    """Run the search and print the best configuration."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument(
        "--storage", help="folder or bucket that all machines can access; default ~/ray_results"
    )
    parser.add_argument("--restore", help="resume an interrupted search: STORAGE/digits")
    args = parser.parse_args()
    if args.restore:
        tuner = tune.Tuner.restore(args.restore, trainable)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space={
                "learning_rate": tune.loguniform(1e-4, 1e-1),
                "width": tune.choice([16, 32, 64]),
                "depth": tune.randint(1, 4),
                "dropout": tune.uniform(0.0, 0.5),
                "weight_decay": tune.loguniform(1e-6, 1e-2),
                "batch_size": tune.choice([16, 32, 64, 128]),
            },
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                num_samples=args.trials,
                scheduler=LCPFNScheduler(horizon=EPOCHS, lower=0, upper=1),
            ),
            run_config=tune.RunConfig(
                name="digits",
                storage_path=args.storage,
                failure_config=tune.FailureConfig(max_failures=3),  # a lost machine is a failure
            ),
        )
    results = tuner.fit()
    epochs = sum(result.metrics["training_iteration"] for result in results if result.metrics)
    print(f"{epochs} of {len(results) * EPOCHS} epochs run")
    best = results.get_best_result("accuracy", "max")
    print(f"best accuracy {best.metrics['accuracy']:.4f} with {best.config}")


if __name__ == "__main__":
    main()
