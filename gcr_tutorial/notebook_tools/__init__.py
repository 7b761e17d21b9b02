"""Tools for the notebooks: execute, save, check and export them; write exercises and badges into them; set up Colab."""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "files": "notebook_paths write_notebook notebook_text",
        "runner": "NotebookFailed run_tutorial save_notebooks note_measured execute clean too_slow",
        "html_page": "as_html",
        "lint": "lint_notebooks complaints",
        "exercises": "Exercise read_exercise read_exercises stamp_exercises stamp_all",
        "badges": "repository_setting stamp_badges stamp_notebook stamp_page spoken",
        "colab": "unmet needs_of",
        "session": "setup quiet",
        "progress_line": "ProgressLine clock",
    },
)
