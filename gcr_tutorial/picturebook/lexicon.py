"""The words of the Picturebook: which words stand for which thing, activity, garment, setting or relation.

Every entry pairs words with their meaning. The caption writer looks words up by meaning, and the caption parser looks
the meaning up by words, so that the two agree. A word for several kinds ("a child") means any of them.
"""

from __future__ import annotations

from .scene import PEOPLE
from .world import BOTTOMS, HATS, TOPS

# fmt: off
# Laid out by hand, several short entries on a line: the formatter would put every word on a line of its own.
CHILDREN, ADULTS = ("boy", "girl"), ("man", "woman")

# kind -> words in the singular. Plurals are regular except those in IRREGULAR. The colour stands at "{c}", else before the noun.
NOUNS: dict[str, tuple[str, ...]] = {
    "man": ("man", "guy", "gentleman"), "woman": ("woman", "lady"),
    "boy": ("boy", "little boy", "young boy"), "girl": ("girl", "little girl", "young girl"),
    "dog": ("dog", "puppy"), "cat": ("cat", "kitten"), "horse": ("horse", "pony"), "cow": ("cow",), "sheep": ("sheep",),
    "pig": ("pig",), "duck": ("duck",), "chicken": ("chicken", "hen"), "bird": ("bird",), "rabbit": ("rabbit", "bunny"),
    "elephant": ("elephant",), "giraffe": ("giraffe",), "bear": ("bear",), "camel": ("camel",), "penguin": ("penguin",),
    "deer": ("deer",), "fox": ("fox",), "monkey": ("monkey",), "turtle": ("turtle", "tortoise"), "butterfly": ("butterfly",),
    "frog": ("frog",), "lion": ("lion",), "zebra": ("zebra",),
    "car": ("car", "automobile"), "bus": ("bus", "coach"), "truck": ("truck", "lorry"), "motorcycle": ("motorcycle", "motorbike"),
    "bicycle": ("parked bicycle", "parked bike"), "tractor": ("tractor",), "train": ("train",),
    "sailboat": ("sailboat", "sailing boat"), "rowboat": ("rowboat", "rowing boat"), "airplane": ("airplane", "plane"),
    "helicopter": ("helicopter", "chopper"), "hot air balloon": ("hot air balloon",), "scooter": ("parked scooter",),
    "fire truck": ("fire truck", "fire engine"), "police car": ("police car",), "ambulance": ("ambulance",),
    "sled": ("sled", "sledge"), "wagon": ("wagon", "cart"),
    "ball": ("ball",), "table": ("table",), "chair": ("chair",), "armchair": ("armchair", "easy chair"),
    "sofa": ("sofa", "couch"), "lamp": ("floor lamp", "lamp"), "bookshelf": ("bookshelf", "bookcase"), "bed": ("bed",),
    "television": ("television", "tv"), "plant": ("potted plant", "house plant"), "basket": ("basket",), "box": ("cardboard box", "box"),
    "suitcase": ("suitcase", "travel case"), "parasol": ("parasol", "beach umbrella"), "bucket": ("bucket", "pail"), "cake": ("cake",),
    "balloons": ("bunch of {c} balloons",), "blanket": ("picnic blanket", "blanket"), "drum": ("drum",), "piano": ("piano",),
    "teddy bear": ("teddy bear", "stuffed bear"), "robot": ("robot", "toy robot"), "fridge": ("fridge", "refrigerator"),
    "stove": ("stove", "cooker"), "clock": ("tall clock", "grandfather clock"), "rug": ("rug", "carpet"),
    "mailbox": ("mailbox", "postbox"), "bin": ("trash can", "garbage bin"),
    "tree": ("tree", "leafy tree"), "pine tree": ("pine tree", "fir tree"), "palm tree": ("palm tree", "palm"),
    "apple tree": ("apple tree", "fruit tree"), "bare tree": ("bare tree", "leafless tree"), "bush": ("bush", "shrub"),
    "flowers": ("bunch of {c} flowers", "patch of {c} flowers"), "sunflower": ("sunflower",), "rock": ("rock", "boulder"), "cactus": ("cactus",),
    "mushroom": ("mushroom", "toadstool"), "snowman": ("snowman",), "campfire": ("campfire", "bonfire"), "log": ("log",),
    "sandcastle": ("sandcastle", "sand castle"), "pumpkin": ("pumpkin",), "haystack": ("haystack", "pile of hay"), "rainbow": ("rainbow",),
    "house": ("house", "cottage"), "barn": ("barn",), "castle": ("castle",), "lighthouse": ("lighthouse",),
    "windmill": ("windmill",), "church": ("church", "chapel"), "tent": ("tent",), "shop": ("shop", "store"),
    "fountain": ("fountain",), "bench": ("bench",), "fence": ("fence",), "street lamp": ("street lamp", "lamp post"),
    "traffic light": ("traffic light", "stop light"), "swing": ("swing set", "swing"), "slide": ("slide",), "well": ("well", "stone well"),
    "statue": ("statue", "sculpture"), "goal": ("soccer goal", "goal"), "phone booth": ("phone booth", "phone box"),
    "bus stop": ("bus stop", "bus shelter"),
}

# words -> any of these kinds
HYPERNYMS: dict[str, tuple[str, ...]] = {
    "child": CHILDREN, "kid": CHILDREN, "youngster": CHILDREN, "person": PEOPLE, "adult": ADULTS, "grownup": ADULTS,
}

IRREGULAR = {"sheep": "sheep", "deer": "deer", "fox": "foxes", "man": "men", "woman": "women", "child": "children",
             "cactus": "cactuses", "pony": "ponies", "puppy": "puppies", "butterfly": "butterflies", "bunny": "bunnies",
             "box": "boxes", "bush": "bushes",
             "bench": "benches", "bus": "buses"}
NUMBERS = {2: ("two", "a pair of"), 3: ("three",)}
SIZES: dict[str, tuple[str, ...]] = {"small": ("small", "tiny"), "big": ("big", "large", "huge")}

# (participle, third person singular or None, poses it may describe); "{c}" is where the colour of the prop goes.
VERBS: tuple[tuple[str, str | None, tuple[str, ...]], ...] = (
    ("standing", "stands", ("standing",)), ("posing", "poses", ("standing",)),
    ("walking", "walks", ("walking",)), ("strolling", "strolls", ("walking",)), ("taking a walk", "takes a walk", ("walking",)),
    ("running", "runs", ("running",)), ("racing along", "races along", ("running",)), ("in full sprint", None, ("running",)),
    ("jumping", "jumps", ("jumping",)), ("leaping", "leaps", ("jumping",)), ("in mid air", None, ("jumping",)),
    ("sitting", "sits", ("sitting",)), ("seated", None, ("sitting",)), ("sitting down", "sits down", ("sitting",)),
    ("waving", "waves", ("waving",)), ("greeting someone", "greets someone", ("waving",)),
    ("dancing", "dances", ("dancing",)),
    ("flying a {c} kite", "flies a {c} kite", ("flying a kite",)),
    ("holding a {c} umbrella", "holds a {c} umbrella", ("holding an umbrella",)),
    ("carrying a {c} umbrella", "carries a {c} umbrella", ("holding an umbrella",)),
    ("under a {c} umbrella", None, ("holding an umbrella",)),
    ("throwing a {c} ball", "throws a {c} ball", ("throwing a ball",)), ("tossing a {c} ball", "tosses a {c} ball", ("throwing a ball",)),
    ("kicking a {c} ball", "kicks a {c} ball", ("kicking a ball",)),
    ("playing with a {c} ball", "plays with a {c} ball", ("throwing a ball", "kicking a ball")),
    ("riding a {c} bicycle", "rides a {c} bicycle", ("riding a bicycle",)), ("riding a {c} bike", "rides a {c} bike", ("riding a bicycle",)),
    ("cycling", "cycles", ("riding a bicycle",)),
    ("riding a horse", "rides a horse", ("riding a horse",)), ("on horseback", None, ("riding a horse",)),
    ("riding a {c} skateboard", "rides a {c} skateboard", ("riding a skateboard",)), ("skateboarding", "skateboards", ("riding a skateboard",)),
    ("on a {c} skateboard", None, ("riding a skateboard",)),
    ("riding a {c} scooter", "rides a {c} scooter", ("riding a scooter",)), ("on a {c} scooter", None, ("riding a scooter",)),
    ("surfing", "surfs", ("surfing",)), ("riding a wave", "rides a wave", ("surfing",)), ("on a {c} surfboard", None, ("surfing",)),
    ("swimming", "swims", ("swimming",)), ("going for a swim", "goes for a swim", ("swimming",)),
    ("skiing", "skis", ("skiing",)), ("on {c} skis", None, ("skiing",)),
    ("reading a {c} book", "reads a {c} book", ("reading a book",)), ("reading", "reads", ("reading a book",)),
    ("playing the guitar", "plays the guitar", ("playing the guitar",)), ("strumming a guitar", "strums a guitar", ("playing the guitar",)),
    ("eating ice cream", "eats ice cream", ("eating ice cream",)), ("enjoying an ice cream cone", "enjoys an ice cream cone", ("eating ice cream",)),
    ("fishing", "fishes", ("fishing",)), ("holding a fishing rod", "holds a fishing rod", ("fishing",)),
    ("holding {c} balloons", "holds {c} balloons", ("holding balloons",)), ("carrying {c} balloons", "carries {c} balloons", ("holding balloons",)),
    ("pushing a {c} stroller", "pushes a {c} stroller", ("pushing a stroller",)),
    ("sleeping", "sleeps", ("sleeping",)), ("taking a nap", "takes a nap", ("sleeping",)), ("lying down", "lies down", ("sleeping",)),
    ("taking a photo", "takes a photo", ("taking a photo",)), ("taking pictures", "takes pictures", ("taking a photo",)),
    ("painting a picture", "paints a picture", ("painting",)), ("painting", "paints", ("painting",)),
    ("cooking", "cooks", ("cooking",)), ("preparing food", "prepares food", ("cooking",)),
    ("carrying a box", "carries a box", ("carrying a box",)),
    ("digging", "digs", ("digging",)), ("holding a shovel", "holds a shovel", ("digging",)),
    ("watering flowers", "waters flowers", ("watering flowers",)), ("with a {c} watering can", None, ("watering flowers",)),
    ("rowing a {c} boat", "rows a {c} boat", ("rowing a boat",)), ("in a {c} boat", None, ("rowing a boat",)),
    ("playing tennis", "plays tennis", ("playing tennis",)), ("swinging a racket", "swings a racket", ("playing tennis",)),
    ("playing basketball", "plays basketball", ("playing basketball",)),
    ("flying by", "flies by", ("flying",)), ("in flight", None, ("flying",)),
    ("paddling", "paddles", ("swimming",)),
)

# garment words -> garments it may be
GARMENTS: dict[str, tuple[str, ...]] = {
    "shirt": ("shirt",), "t-shirt": ("shirt",), "sweater": ("sweater",), "jumper": ("sweater",), "jacket": ("jacket",),
    "coat": ("coat",), "top": TOPS, "dress": ("dress",), "skirt": ("skirt",), "pants": ("pants",), "trousers": ("pants",),
    "shorts": ("shorts",), "cap": ("cap",), "hat": tuple(h for h in HATS if h != "helmet"), "sun hat": ("hat",),
    "winter hat": ("winter hat",), "wool hat": ("winter hat",), "helmet": ("helmet",),
}
PLURAL_GARMENTS = ("pants", "trousers", "shorts")
ALL_OVER = TOPS + ("dress",)  # "in red": the garment that one sees first
assert set(BOTTOMS) <= {g for garments in GARMENTS.values() for g in garments}

HAIR: dict[str, tuple[str, ...]] = {"blond": ("with blond hair", "with fair hair"), "red": ("with red hair",), "gray": ("with gray hair",),
                                    "black": ("with black hair",), "brown": ("with brown hair",)}

# adverbial phrases -> any of these settings
PLACES: dict[str, tuple[str, ...]] = {
    "on the beach": ("beach",), "at the seaside": ("beach",), "on the sand by the sea": ("beach",),
    "in the park": ("park",), "in a green park": ("park",),
    "on the street": ("street",), "in front of a row of houses": ("street",), "on a quiet road": ("street",),
    "by the lake": ("lake",), "at the lake": ("lake",), "on the shore of a lake": ("lake",),
    "in a snowy field": ("snow field",), "on the snowy ground": ("snow field",), "in a winter landscape": ("snow field",),
    "in the mountains": ("mountains",), "among high peaks": ("mountains",), "in the desert": ("desert",), "among sand dunes": ("desert",),
    "in the city": ("city",), "downtown": ("city",), "among tall buildings": ("city",), "in town": ("city", "street"),
    "on a farm": ("farm",), "in the countryside": ("farm",), "in the forest": ("forest",), "in the woods": ("forest",),
    "at the playground": ("playground",), "on a playground": ("playground",),
    "on a sports field": ("sports field",), "in the stadium": ("sports field",),
    "in the living room": ("living room",), "in a cozy room": ("living room",), "in the kitchen": ("kitchen",), "in the bedroom": ("bedroom",),
    "indoors": ("living room", "kitchen", "bedroom", "classroom"), "inside": ("living room", "kitchen", "bedroom", "classroom"),
    "at home": ("living room", "kitchen", "bedroom"),
    "in a classroom": ("classroom",), "at school": ("classroom",), "in the harbor": ("harbor",), "at the docks": ("harbor",),
    "by the water": ("beach", "lake", "harbor"), "in the garden": ("garden",), "in the yard": ("garden",),
}
PLACE_NOUNS: dict[str, tuple[str, ...]] = {
    "a sandy beach": ("beach",), "a public park": ("park",), "a quiet street": ("street",), "a calm lake": ("lake",),
    "a snowy field": ("snow field",), "a mountain landscape": ("mountains",), "a dry desert": ("desert",), "a busy city": ("city",),
    "a country farm": ("farm",), "a dense forest": ("forest",), "a play area": ("playground",), "a sports field": ("sports field",),
    "a living room": ("living room",), "a tidy kitchen": ("kitchen",), "a bedroom": ("bedroom",), "a school classroom": ("classroom",),
    "a busy harbor": ("harbor",), "a flower garden": ("garden",),
}
TIMES: dict[str, tuple[str, ...]] = {
    "day": ("during the day", "in daylight"), "sunset": ("at sunset", "in the evening", "as the sun goes down"),
    "night": ("at night", "in the dark", "late at night"),
}
WEATHERS: dict[str, tuple[str, ...]] = {
    "rain": ("in the rain", "on a rainy day", "while it rains"), "snow": ("in falling snow", "while it snows"), "clear": (),
}
RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of", "on the left of"), "right of": ("to the right of", "on the right of"),
    "behind": ("behind",), "in front of": ("in front of",), "next to": ("next to", "beside", "near", "close to"),
    "above": ("above", "over"),
}


# fmt: on
def plural(noun: str) -> str:
    """The plural of a noun of NOUNS or HYPERNYMS."""
    if noun in IRREGULAR:
        return IRREGULAR[noun]
    head, _, last = noun.rpartition(" ")
    return f"{head} {IRREGULAR.get(last, last + 's')}" if head else noun + "s"
