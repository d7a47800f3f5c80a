"""Predicting the next token: the lesson as a marimo notebook, in Japanese or English (`-- --lang en`)."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="tsumami · next token")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    import tsumami
    from tsumami import charts, course
    from tsumami.errors import TsumamiError

    return TsumamiError, charts, course, mo, tsumami


@app.cell(hide_code=True)
def _(TsumamiError, charts, course, mo):
    _arguments = mo.cli_args()
    words = course.Words("en" if _arguments.get("lang") == "en" else "ja")
    model_name = str(_arguments.get("model") or "smollm2")

    def explain(part):
        """The words below what a part shows: what to notice, and why."""
        return mo.accordion(
            {
                words("notice"): mo.md(words(f"{part}.notice")),
                words("why"): mo.md(words(f"{part}.why")),
            },
            multiple=True,
        )

    def heading(part):
        """The title of a part, its question, and something to try."""
        return mo.md(
            f"## {words(f'{part}.title')}\n\n**{words(f'{part}.question')}**\n\n{words('try')}: {words(f'{part}.try')}"
        )

    def shown(table, part):
        """A table with headings in the reader's language; ids are names, not quantities."""
        seen = table.copy()
        if "id" in table:
            seen["id"] = table["id"].astype("string").fillna("")
        if "chosen" in table:
            seen["chosen"] = table["chosen"].map({True: "●", False: ""})
        return mo.ui.table(
            seen.rename(columns=words.columns(part, list(table.columns))),
            selection=None,
            show_column_summaries=False,
            show_data_types=False,
            show_search=False,
            show_download=False,
        )

    def strip(run, selected=None, mode="final"):
        """A reply as coloured tokens; the style goes along, since a tab's content does not see the page's."""
        drawn = charts.token_strip(run, words.language, selected=selected, mode=mode)
        return mo.Html(f"<style>{charts.style()}</style>{drawn}")

    def attempt(make, *arguments, **named):
        """What a function gives; where it cannot, the cell ends with the reason."""
        try:
            return make(*arguments, **named)
        except TsumamiError as error:
            return mo.stop(True, mo.callout(words("error", why=error), kind="warn"))

    return attempt, explain, heading, model_name, shown, strip, words


@app.cell(hide_code=True)
def _(mo, words):
    mo.md(f"# {words('title')}\n\n{words('intro')}")
    return


@app.cell(hide_code=True)
def _(attempt, mo, model_name, tsumami, words):
    model = attempt(tsumami.load, model_name)
    mo.md(f"{words('model')}: **{model.name}**")
    return (model,)


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    loop_prompt = mo.ui.text(value=course.PROMPT, label=words("prompt"), full_width=True)
    mo.vstack([heading("loop"), mo.mermaid(course.loop_diagram(words)), loop_prompt])
    return (loop_prompt,)


@app.cell(hide_code=True)
def _(attempt, loop_prompt, mo, model, words):
    mo.stop(not loop_prompt.value, mo.callout(words("tokens.empty"), kind="warn"))
    loop_run = attempt(model.run, loop_prompt.value, seed=0, max_tokens=20)
    mo.stop(not loop_run.steps, mo.callout(words("loop.no_steps"), kind="warn"))
    loop_step = mo.ui.slider(1, len(loop_run.steps), value=1, label=words("loop.step"), show_value=True)
    loop_step
    return loop_run, loop_step


@app.cell(hide_code=True)
def _(course, explain, loop_run, loop_step, mo, shown, strip, words):
    _turn = course.turn(loop_run, loop_step.value - 1)
    mo.vstack(
        [
            mo.Html(course.loop_boxes(_turn, words)),
            strip(course.up_to(loop_run, loop_step.value), _turn.step),
            mo.md(f"**{words('loop.candidates')}**"),
            shown(course.candidates(_turn), "loop"),
            explain("loop"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, heading, mo, model_name, words):
    tokens_text = mo.ui.text_area(value=f"{course.PROMPT} 夢を見る🎈", label=words("prompt"), full_width=True, rows=2)
    tokens_models = mo.ui.multiselect(course.models_here(), value=[model_name], label=words("model"))
    mo.vstack([heading("tokens"), tokens_text, tokens_models])
    return tokens_models, tokens_text


@app.cell(hide_code=True)
def _(course, model, model_name, tsumami):
    _others = {}

    def named(name):
        """A model by name, loaded once."""
        if name == model_name:
            return model
        if name not in _others:
            _others[name] = tsumami.load(name)
        return _others[name]

    return (named,)


@app.cell(hide_code=True)
def _(attempt, course, explain, mo, named, shown, tokens_models, tokens_text, words):
    mo.stop(not tokens_text.value, mo.callout(words("tokens.empty"), kind="warn"))

    def _one(name):
        rows = attempt(course.token_rows, attempt(named, name), tokens_text.value)
        table = course.token_table(named(name), tokens_text.value)
        table["kind"] = [words(f"tokens.kind.{kind}") for kind in table["kind"]]
        count = words("tokens.count", characters=len(tokens_text.value), tokens=table["id"].notna().sum())
        return mo.vstack(
            [mo.md(f"**{name}** · {count}"), mo.Html(course.token_pieces(rows, words)), shown(table, "tokens")]
        )

    mo.vstack([*(_one(name) for name in tokens_models.value), explain("tokens")])
    return


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    lengths_texts = mo.ui.text_area(
        value="\n".join(course.PROMPTS), label=words("lengths.add"), full_width=True, rows=6
    )
    mo.vstack([heading("lengths"), lengths_texts])
    return (lengths_texts,)


@app.cell(hide_code=True)
def _(charts, course, explain, lengths_texts, mo, model, shown, words):
    _table = course.length_table(model, course.lines(lengths_texts.value))
    mo.stop(_table.empty, mo.callout(words("tokens.empty"), kind="warn"))
    mo.vstack(
        [
            mo.ui.altair_chart(
                charts.length_bars(
                    _table,
                    title=words("lengths.chart"),
                    tokens=words("lengths.column.tokens"),
                    characters=words("lengths.column.characters"),
                ),
                chart_selection=False,
                legend_selection=False,
            ),
            shown(_table.round(3), "lengths"),
            explain("lengths"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    strategies_prompt = mo.ui.text(value=course.PROMPT, label=words("prompt"), full_width=True)
    strategies_seed = mo.ui.number(0, 1000, value=0, label="seed")
    mo.vstack([heading("strategies"), strategies_prompt, strategies_seed])
    return strategies_prompt, strategies_seed


@app.cell(hide_code=True)
def _(attempt, course, mo, model, strategies_prompt, strategies_seed, words):
    mo.stop(not strategies_prompt.value, mo.callout(words("tokens.empty"), kind="warn"))
    _names = mo.status.progress_bar(list(course.STRATEGIES), title=words("strategies.title"), remove_on_exit=True)
    strategies_runs = {
        name: attempt(course.run_strategy, model, strategies_prompt.value, name, seed=int(strategies_seed.value or 0))
        for name in _names
    }
    return (strategies_runs,)


@app.cell(hide_code=True)
def _(mo, strategies_runs, strip, words):
    mo.ui.tabs(
        {
            words(f"strategies.name.{name}"): mo.vstack(
                [mo.md(words(f"strategies.about.{name}")), strip(run, mode="surprise")]
            )
            for name, run in strategies_runs.items()
        }
    )
    return


@app.cell(hide_code=True)
def _(mo, strategies_runs, words):
    _run = strategies_runs["contrastive"]
    mo.stop(not _run.steps)
    terms_token = mo.ui.slider(1, len(_run.steps), value=1, label=words("strategies.token"), show_value=True)
    mo.vstack([mo.md(f"**{words('strategies.name.contrastive')}**"), terms_token])
    return (terms_token,)


@app.cell(hide_code=True)
def _(course, explain, mo, model, shown, strategies_runs, terms_token, words):
    _terms = course.contrast_table(model, strategies_runs["contrastive"], terms_token.value - 1).head(10).round(4)
    _terms["piece"] = [course.visible(piece) for piece in _terms["piece"]]
    mo.vstack(
        [
            mo.md(words("strategies.terms", step=terms_token.value)),
            shown(_terms, "strategies"),
            explain("strategies"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    variants_prompt = mo.ui.text(value=course.PROMPT, label=words("prompt"), full_width=True)
    mo.vstack([heading("prompts"), variants_prompt])
    return (variants_prompt,)


@app.cell(hide_code=True)
def _(attempt, course, explain, mo, model, strip, variants_prompt, words):
    mo.stop(not variants_prompt.value, mo.callout(words("tokens.empty"), kind="warn"))
    _prompts = course.variants(words, variants_prompt.value)
    _runs = attempt(course.run_variants, model, _prompts.values(), course.strategy_settings("low_temperature"))
    mo.vstack(
        [
            *(
                mo.vstack(
                    [
                        mo.md(f"**{words(f'prompts.label.{name}')}**"),
                        strip(run),
                    ]
                )
                for name, run in zip(_prompts, _runs, strict=True)
            ),
            mo.md(course.where_they_part(_runs, words)),
            explain("prompts"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    time_counts = mo.ui.text(value=", ".join(map(str, course.NEW_TOKENS)), label=words("time.new_tokens"))
    time_repeats = mo.ui.number(1, 10, value=2, label=words("time.repeats"))
    time_again = mo.ui.button(label=words("time.measure"))
    mo.vstack([heading("time"), mo.hstack([time_counts, time_repeats, time_again], justify="start")])
    return time_again, time_counts, time_repeats


@app.cell(hide_code=True)
def _(attempt, charts, course, explain, mo, model, shown, time_again, time_counts, time_repeats, words):
    time_again.value
    _counts = attempt(course.read_counts, time_counts.value)

    def _measured(measuring, total):
        with mo.status.progress_bar(total=total, title=words("time.measure"), remove_on_exit=True) as bar:
            for timing in course.until_stopped(measuring):
                bar.update()
                yield timing

    def _chart(table, x, y, x_title, title):
        line = course.fit(table[x], table[y])
        drawn = charts.time_line(
            table,
            x=x,
            y=y,
            line=None if line is None else (line.start, line.per_token),
            title=words(title),
            x_title=words(x_title),
            y_title=words("time.seconds"),
        )
        return mo.vstack(
            [
                mo.ui.altair_chart(drawn, chart_selection=False, legend_selection=False),
                mo.md("" if line is None else course.fit_sentence(line, words)),
            ]
        )

    _repeats = int(time_repeats.value or 1)
    _lengths = [length for length in course.PROMPT_LENGTHS if length < model.n_ctx]
    _new = course.timing_table(_measured(course.time_new_tokens(model, _counts, _repeats), len(_counts) * _repeats))
    _prompts = course.timing_table(_measured(course.time_prompts(model, _lengths, _repeats), len(_lengths) * _repeats))
    mo.vstack(
        [
            mo.hstack(
                [
                    _chart(_new, "n_new", "seconds", "time.new_tokens", "time.chart.new"),
                    _chart(_prompts, "n_prompt", "prompt_seconds", "time.prompt_tokens", "time.chart.prompt"),
                ],
                wrap=True,
            ),
            shown(_new.round(3), "time"),
            explain("time"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, heading, mo, words):
    inside_text = mo.ui.text(value=course.PROMPT, label=words("prompt"), full_width=True)
    mo.vstack([heading("inside"), inside_text])
    return (inside_text,)


@app.cell(hide_code=True)
def _(attempt, charts, course, explain, inside_text, mo, model, words):
    mo.stop(not inside_text.value, mo.callout(words("tokens.empty"), kind="warn"))
    mo.vstack(
        [
            mo.md(course.facts(model, words)),
            mo.Html(course.stations(attempt(course.parts, model, inside_text.value), words)),
            mo.ui.altair_chart(
                charts.sight(course.sees(model, inside_text.value), title=words("inside.sees")),
                chart_selection=False,
                legend_selection=False,
            ),
            mo.md(course.trial_sentence(course.try_causality(model, inside_text.value, words("inside.more")), words)),
            explain("inside"),
        ]
    )
    return


@app.cell(hide_code=True)
def _(course, mo, words):
    mo.vstack(
        [
            mo.md(f"## {words('summary.title')}\n\n{words('summary.text')}"),
            mo.accordion(
                {
                    words(f"quiz.{number}.question"): mo.md(words(f"quiz.{number}.answer"))
                    for number in range(1, course.N_QUESTIONS + 1)
                },
                multiple=True,
            ),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
