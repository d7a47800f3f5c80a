"""The chain as a row of chips: its stages in order, movable with the mouse or the arrow keys.

Guarantee: the component's value is always an order that Settings accepts, stage names joined by commas; chips of idle
stages are greyed. Stages that are not in the order stand behind a bar and can be moved back in.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final

import gradio as gr

from tsumami.app.words.texts import Texts
from tsumami.knobs import ORDERS, STAGES
from tsumami.settings import Settings

# Words and stages stand in the template and the script, not in props: an update that reaches the component before its
# accordion is first opened replaces all of its props by those of the update.
_TEMPLATE: Final = '<div class="chain" role="list" aria-label="@label"></div><p class="chain-hint">@hint</p>'

#: Draws the chips from `props.value` and `props.idle`; a chip that is dragged, or moved with the arrow keys, changes
#: the value and fires `change`. `|` parts the stages that are in the order from those that are left out.
_SCRIPT: Final = """
const box = () => element.querySelector('.chain');
const order = () => (props.value || '').split(',').filter(Boolean);
let chips = [];  // the names as they stand: what is drawn may be one key press behind
let held = null;  // the chip that is being moved: drawing again takes the keyboard's focus from it
function read() {
  const inside = order();
  chips = [...inside, '|', ...'@stages'.split(',').filter(name => !inside.includes(name))];
  draw();
}
function draw() {
  const bar = chips.indexOf('|');
  box().replaceChildren(...chips.map((name, at) => {
    const chip = document.createElement(name === '|' ? 'span' : 'button');
    chip.textContent = name === '|' ? '┊' : name;
    chip.dataset.name = name;
    chip.className = name === '|' ? 'bar' : 'chip';
    if (name === '|') return chip;
    chip.type = 'button';
    chip.draggable = true;
    chip.setAttribute('role', 'listitem');
    if (at > bar) chip.classList.add('out');
    else if (props.idle.split(',').includes(name)) chip.classList.add('idle');
    return chip;
  }));
  if (held && document.activeElement === document.body) box().querySelector(`[data-name="${held}"]`)?.focus();
}
function move(name, to) {
  const from = chips.indexOf(name);
  if (to < 0 || to >= chips.length || to === from) return;
  chips.splice(to, 0, chips.splice(from, 1)[0]);
  held = name;
  props.value = chips.slice(0, chips.indexOf('|')).join(',');
  draw();
  setTimeout(() => trigger('input'), 0);
}
element.addEventListener('keydown', event => {
  const name = event.target.dataset && event.target.dataset.name;
  if (!name || !['ArrowLeft', 'ArrowRight'].includes(event.key)) return;
  event.preventDefault();
  move(name, chips.indexOf(name) + (event.key === 'ArrowRight' ? 1 : -1));
});
element.addEventListener('dragstart', event => event.dataTransfer.setData('text/plain', event.target.dataset.name));
element.addEventListener('dragover', event => event.preventDefault());
element.addEventListener('drop', event => {
  event.preventDefault();
  const target = event.target.closest('[data-name]');
  const name = event.dataTransfer.getData('text/plain');
  if (target && chips.includes(name)) move(name, chips.indexOf(target.dataset.name));
});
for (const leaving of ['focusin', 'pointerdown'])
  document.addEventListener(leaving, event => { if (!element.contains(event.target)) held = null; });
watch(['value', 'idle'], read);
read();
"""


def build(texts: Texts) -> gr.HTML:
    """The component, showing the default order."""
    settings = Settings()
    return gr.HTML(
        value=",".join(settings.chain_order),
        html_template=_TEMPLATE.replace("@label", escape(texts("chain.label"))).replace(
            "@hint", escape(texts("chain.hint"))
        ),
        js_on_load=_SCRIPT.replace("@stages", ",".join(STAGES)),
        elem_id="chain",
        idle=",".join(idle_stages(settings)),
    )


def shown(settings: Settings) -> str:
    """The value of the component for these settings."""
    return ",".join(settings.chain_order)


def read(value: str | None) -> str | tuple[str, ...]:
    """The `samplers` knob that the component's value means."""
    names = tuple(name for name in (value or "").split(",") if name)
    return next((name for name, order in ORDERS.items() if order == names), names)


def idle_stages(settings: Settings) -> Iterable[str]:
    """Stages that do nothing under these settings: neutral ones, and those that the mode leaves out."""
    from tsumami.sampling.chain import idle_stages as of_chain

    return of_chain(settings)


def update(settings: Settings) -> Any:
    """A Gradio update that shows these settings."""
    return gr.update(value=shown(settings), idle=",".join(idle_stages(settings)))
