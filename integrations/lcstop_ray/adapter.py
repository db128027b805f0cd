"""The entry point of this adapter in the group ``lcstop.adapters``; see :mod:`lcstop.commands.adapters`."""

PARTS = {
    "study_reader": "lcstop_ray.folder:read_folder",
    "search_runner": "lcstop_ray.run_search:run_search",
    "demo_runner": "lcstop_ray.demo:run_demo",  # needs torch and scikit-learn
    "rule_source": "lcstop_ray.replay:RULES",
    "searcher": "lcstop_ray.recorded_search:SEARCHER",
    "executor": "lcstop_ray.cluster:run_all",
}
