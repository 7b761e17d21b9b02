"""Keep the notebooks in order: execute and save them, stamp exercises and badges, set up Colab."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "files": "notebook_paths write_notebook notebook_text",
        "runner": "NotebookFailed run_tutorial save_notebooks note_measured execute clean as_html",
        "exercises": "Exercise read_exercise read_exercises stamp_exercises stamp_all",
        "badges": "repository_setting stamp_badges stamp_notebook stamp_page spoken",
        "colab": "unmet needs_of",
        "session": "setup quiet",
        "progress_line": "ProgressLine clock",
    },
)
