"""What was typed means: a recipe, a config for each stage, the key of what each makes; a Plan is plain data.

Here: `options` and `recipe` (what is composed), `compose_overrides`, `apply_overrides`, `unused_overrides` (where each
of them arrives), `stage_kinds` (each kind of stage, declared once), `content_digests`, `artifact_references`, `stage`
(what a key is made of), `class_facts` (what classes state of themselves), `signatures` and `instantiate` (what a config
may name: the one place where config becomes objects), `plugins` (which packages from outside it may name), `plan`.

Not here: refusing what is composed (check/), making anything (execute/).

To add a group: its folder in conf/, its name in cli/schema.GROUPS, and who reads it in `stage_kinds`.
"""
