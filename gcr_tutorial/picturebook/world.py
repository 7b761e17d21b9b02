"""What may be where: the things each setting holds, what people do and wear there. Tables only."""

from __future__ import annotations

# For each setting: structures and plants of the back row, animals, vehicles and objects of the main row,
# things in the sky, things on the water.
SETTING_THINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "beach": {
        "back": ("palm tree", "lighthouse", "rock", "parasol", "tent"), "animals": ("dog", "turtle", "horse", "camel", "cat"),
        "main": ("parasol", "ball", "sandcastle", "bucket", "blanket", "basket"), "sky": ("bird", "airplane", "hot air balloon"),
        "water": ("sailboat",)},
    "park": {
        "back": ("tree", "apple tree", "bench", "fountain", "statue", "street lamp", "bush"),
        "animals": ("dog", "cat", "rabbit", "chicken", "turtle"),
        "main": ("bench", "ball", "bicycle", "balloons", "basket", "blanket", "bin", "flowers", "scooter"),
        "sky": ("bird", "butterfly", "hot air balloon")},
    "street": {
        "back": ("house", "shop", "tree", "bus stop", "street lamp", "traffic light", "church"),
        "animals": ("dog", "cat"),
        "main": ("car", "bus", "truck", "motorcycle", "bicycle", "fire truck", "police car", "ambulance", "mailbox", "bin",
                 "phone booth", "suitcase", "scooter"), "sky": ("bird", "airplane", "helicopter")},
    "lake": {
        "back": (), "animals": ("dog", "frog", "deer", "turtle", "bear"),
        "main": ("tent", "bench", "campfire", "rock", "bucket", "log"), "sky": ("bird", "airplane", "hot air balloon"),
        "water": ("sailboat", "rowboat", "duck")},
    "snow field": {
        "back": ("pine tree", "bare tree", "house", "church"), "animals": ("dog", "penguin", "fox", "bear", "rabbit", "deer"),
        "main": ("snowman", "sled", "ball", "log"), "sky": ("bird", "helicopter")},
    "mountains": {
        "back": ("pine tree", "tent", "rock", "castle", "house"), "animals": ("deer", "bear", "horse", "sheep", "fox", "dog"),
        "main": ("campfire", "rock", "log", "tent", "flowers", "motorcycle", "train"),
        "sky": ("bird", "hot air balloon", "helicopter", "rainbow")},
    "desert": {
        "back": ("cactus", "rock", "castle", "tent"), "animals": ("camel", "lion", "elephant", "giraffe", "zebra", "fox", "turtle"),
        "main": ("cactus", "rock", "truck", "motorcycle", "campfire", "well"), "sky": ("bird", "airplane", "hot air balloon")},
    "city": {
        "back": ("street lamp", "traffic light", "statue", "fountain", "bus stop", "tree"), "animals": ("dog", "cat"),
        "main": ("car", "bus", "truck", "motorcycle", "police car", "ambulance", "fire truck", "bicycle", "bench", "suitcase",
                 "phone booth", "mailbox", "balloons"), "sky": ("airplane", "helicopter", "bird")},
    "farm": {
        "back": ("barn", "windmill", "haystack", "apple tree", "house", "fence"),
        "animals": ("cow", "sheep", "pig", "horse", "chicken", "dog", "cat", "rabbit"),
        "main": ("tractor", "wagon", "haystack", "pumpkin", "sunflower", "bucket", "well", "basket"),
        "sky": ("bird", "rainbow", "butterfly")},
    "forest": {
        "back": ("pine tree", "tree", "bush", "tent"), "animals": ("bear", "deer", "fox", "rabbit", "frog", "monkey"),
        "main": ("mushroom", "log", "campfire", "tent", "basket", "rock", "flowers"), "sky": ("bird", "butterfly")},
    "playground": {
        "back": ("swing", "slide", "tree", "fence", "bench"), "animals": ("dog", "cat", "rabbit"),
        "main": ("swing", "slide", "ball", "bench", "teddy bear", "scooter", "bucket", "balloons", "wagon"),
        "sky": ("butterfly", "bird", "hot air balloon")},
    "sports field": {
        "back": ("goal", "bench", "fence", "tree"), "animals": ("dog",), "main": ("ball", "goal", "bench", "bicycle", "suitcase", "bin"),
        "sky": ("bird", "airplane", "helicopter")},
    "living room": {
        "back": ("bookshelf", "lamp", "television", "plant", "clock", "piano"), "animals": ("dog", "cat", "rabbit"),
        "main": ("sofa", "armchair", "table", "chair", "plant", "lamp", "teddy bear", "robot", "piano", "cake", "box", "ball",
                 "drum", "television"), "sky": ()},
    "kitchen": {
        "back": ("fridge", "clock", "plant", "television"), "animals": ("dog", "cat"),
        "main": ("table", "chair", "cake", "basket", "box", "bin", "fridge", "bucket", "rug"), "sky": ()},
    "bedroom": {
        "back": ("bookshelf", "clock", "plant", "television"), "animals": ("cat", "dog", "rabbit"),
        "main": ("teddy bear", "robot", "box", "chair", "suitcase", "drum", "balloons", "armchair", "ball"), "sky": ()},
    "classroom": {
        "back": ("bookshelf", "clock", "plant"), "animals": ("rabbit", "turtle", "frog"),
        "main": ("table", "chair", "box", "robot", "ball", "drum", "piano", "plant", "rug"), "sky": ()},
    "harbor": {
        "back": (), "animals": ("dog", "cat"),
        "main": ("bench", "bicycle", "suitcase", "box", "car", "truck", "mailbox", "bin"), "sky": ("bird", "airplane", "helicopter"),
        "water": ("sailboat", "rowboat")},
    "garden": {
        "back": ("house", "apple tree", "tree", "bush", "well"),
        "animals": ("cat", "dog", "rabbit", "chicken", "turtle", "frog"),
        "main": ("flowers", "sunflower", "bench", "basket", "bucket", "pumpkin", "mushroom", "table", "wagon", "mailbox"),
        "sky": ("butterfly", "bird", "rainbow")},
}

# Kinds that come in rows of two or three, and kinds that come small or big.
COUNTABLE = ("duck", "chicken", "sheep", "pig", "penguin", "rabbit", "bird", "butterfly", "frog", "mushroom", "pumpkin",
             "sunflower", "cactus", "pine tree", "tree", "cow", "box", "chair")
SIZABLE = ("dog", "cat", "ball", "rock", "house", "tree", "box", "teddy bear", "bear", "plant", "cake", "snowman", "tent", "horse")

# Activities that need a place; every other activity can be done anywhere on the ground.
ONLY_IN: dict[str, tuple[str, ...]] = {
    "skiing": ("snow field", "mountains"),
    "surfing": ("beach",), "swimming": ("lake", "harbor", "beach"), "rowing a boat": ("lake", "harbor"),
    "fishing": ("lake", "harbor"),
    "cooking": ("kitchen",),
    "digging": ("beach", "garden", "farm", "playground"),
    "watering flowers": ("garden", "farm", "park"),
    "playing tennis": ("sports field", "park", "garden"),
    "playing basketball": ("sports field", "playground", "street", "city"),
    "kicking a ball": ("sports field", "park", "beach", "playground", "street", "garden"),
    "riding a horse": ("farm", "beach", "desert", "mountains", "forest", "park"),
    "riding a bicycle": ("park", "street", "city", "farm", "forest", "harbor", "mountains"),
    "riding a skateboard": ("street", "city", "park", "playground", "harbor"),
    "riding a scooter": ("street", "city", "park", "playground", "harbor"),
    "flying a kite": ("beach", "park", "farm", "sports field", "snow field", "mountains", "desert", "garden", "lake"),
    "pushing a stroller": ("park", "street", "city", "harbor", "garden", "playground"),
    "sleeping": ("beach", "park", "bedroom", "living room", "garden", "farm", "forest"),
}
INDOOR_ACTIVITIES = ("standing", "sitting", "waving", "dancing", "jumping", "reading a book", "playing the guitar", "painting",
                     "carrying a box", "holding balloons", "eating ice cream", "taking a photo", "sleeping", "cooking", "running",
                     "walking")
ON_WATER = ("surfing", "swimming", "rowing a boat")
RIDING = ("riding a bicycle", "riding a horse", "riding a skateboard", "riding a scooter", "skiing", "surfing")

TOPS = ("shirt", "sweater", "jacket", "coat")
BOTTOMS = ("pants", "shorts", "skirt")
HATS = ("cap", "hat", "winter hat", "helmet")
CLOTHES_COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray")
