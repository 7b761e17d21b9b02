"""Images with captions, and the retrieval task made of them (GRACE section 4.1).

A corpus comes from the Picturebook, from a Karpathy split file, from a copy on the Hugging Face Hub or from a folder of
pictures; a task says which images are memorized, which captions train and which are queries.
"""

from gcr_tutorial.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "corpus": "PICTUREBOOK_SIZE ImageCaptionCorpus",
        "records": "SPLITS ImageRecord",
        "task": "PROTOCOLS Query RetrievalTask make_task",
        "karpathy": "read_karpathy split_name",
        "text": "normalize_text",
        "hub_copies": "HUB_COPIES CAPTION_COLUMNS HubCopy read_hub_copy read_dataset",
        "image_files": "FORMATS SUFFIXES UNREADABLE_SUFFIXES resolve_folder resolve_inside find_images open_image decode_image square",
        "loading": "CHUNK AHEAD WORTH_WORKERS MOST_WORKERS load_pictures default_workers",
    },
)
