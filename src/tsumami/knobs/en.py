"""The knobs in English."""

from __future__ import annotations

from tsumami.knobs.words import KnobWords

__all__ = ["WORDS"]

WORDS: dict[str, KnobWords] = {
    "max_tokens": KnobWords(
        "Maximum tokens",
        "Upper limit of tokens in the reply; 0 goes on until the context is full.",
        "How many times the generation loop may turn. It does not touch the probabilities: with the same seed a"
        " larger limit gives the same text, only longer. A reply also ends earlier when the model emits its end"
        " token or a stop string appears. A token is not a character: an English word is one or two, a Japanese"
        " character often one to three. Start small, and raise it when sentences are cut off.",
    ),
    "temperature": KnobWords(
        "Temperature",
        "How sharp the distribution is: low keeps to the likely tokens, high lets surprising ones in.",
        "Divides every logit by T before they become probabilities. T = 1 leaves the model's own distribution,"
        " below 1 widens the gaps, above 1 narrows them; the ranking never changes. 0 is greedy: the largest"
        " logit always wins and no number is drawn. In the default order it comes after the narrowing, so it only"
        " shares out probability among the tokens that are left, and with top_k 1 it does nothing. Fix the seed"
        " and compare 0.2, 0.8 and 1.5.",
    ),
    "top_p": KnobWords(
        "Top-p (nucleus)",
        "Keeps the most likely tokens until their probabilities add up to p.",
        "How many tokens stay depends on the distribution: one or two where the next word is nearly certain,"
        " hundreds where it is open. 1 removes nothing; at 0 the single most likely token stays. Probabilities"
        " are computed over what earlier stages left, so the same p keeps a different set elsewhere in the order."
        " To see it alone, set top_k and min_p to 0 and typical_p and tfs_z to 1, then compare 0.5 with 0.95.",
    ),
    "min_p": KnobWords(
        "Min-p",
        "Drops every token less likely than min_p times the most likely one.",
        "The threshold moves with the top probability: strict where the model is sure, lenient where it"
        " hesitates. 0 removes nothing, 1 keeps only the best. It is often paired with a high temperature, since"
        " poor candidates stay out. When top_k or top_p have already cut hard, nothing may be left for it to"
        " remove. Start at 0.05 to 0.1.",
    ),
    "typical_p": KnobWords(
        "Typical-p",
        "Keeps the tokens whose surprise is closest to the average (the entropy) until they add up to more than p.",
        "Rests on the observation that people do not always write the likeliest word. Tokens are ordered by how"
        " close their information −ln p is to the entropy H, so even the most likely token can go, as too"
        " predictable. 1 does nothing. Beware of candidates with probability 0 (after a grammar or top_n_sigma):"
        " llama.cpp cannot compute the entropy then, and the result is arbitrary. Set top_p to 1 and try 0.5 to"
        " 0.95.",
    ),
    "frequency_penalty": KnobWords(
        "Frequency penalty",
        "Lowers the logit of a token by this much for each time it has appeared.",
        "A token that occurs c times among the last repeat_last_n tokens loses c times this value, so words wear"
        " out with use. Negative values invite repetition. 0 does nothing, and neither does any value when"
        " repeat_last_n is 0. Too much also drives out articles, particles and punctuation, and the text falls"
        " apart. Try 0.2 to 0.5 first. OpenAI and vLLM, under the same name, count the generated tokens only, and all"
        " of them; for that, turn penalize_prompt off and make repeat_last_n as long as the reply.",
    ),
    "presence_penalty": KnobWords(
        "Presence penalty",
        "Lowers the logit of every token that has appeared, however often, by this much.",
        "A token found at least once among the last repeat_last_n tokens loses this value once. It does not"
        " count, so it nudges towards new topics and words. Negative values make the text linger. 0 does nothing,"
        " and neither does any value when repeat_last_n is 0. Keep frequency_penalty at 0 and compare 0.5 with"
        " 1.5 to see how it differs from a penalty that counts. OpenAI and vLLM, under the same name, look at the"
        " generated tokens only, and at all of them; for that, turn penalize_prompt off and make repeat_last_n as long"
        " as the reply.",
    ),
    "repeat_penalty": KnobWords(
        "Repeat penalty",
        "Weakens tokens that have appeared: positive logits are divided by it, others multiplied.",
        "The logit l of a token among the last repeat_last_n becomes l / value if l > 0 and l × value otherwise,"
        " once, however often it occurred. Since it divides instead of subtracting, its strength depends on the"
        " logit. 1 does nothing, below 1 invites repetition, and 0 cannot work because it would divide by zero."
        " 1.05 to 1.2 is usual; beyond 1.5 even necessary particles and punctuation disappear. The repetition_penalty"
        " of Hugging Face and vLLM is the same division over all of prompt and reply, without a window; for that, make"
        " repeat_last_n as long as both.",
    ),
    "top_k": KnobWords(
        "Top-k",
        "Keeps the k tokens with the largest logits.",
        "Cuts the whole vocabulary (tens or hundreds of thousands of tokens) to its k best. The count is fixed,"
        " so it keeps too many where the answer is clear and can cut good ones where it is open. 0 removes"
        " nothing; 1 is greedy, and temperature and seed stop mattering. When top_p or min_p cut harder, going"
        " from 40 to 100 changes nothing. Fix the seed and compare 1, 5, 40 and 0.",
    ),
    "seed": KnobWords(
        "Seed",
        "Starts the random numbers: the same value gives the same text, below 0 picks one at random.",
        "The number u(s, t) that picks token t depends on the seed s and the position t alone, whatever the other"
        " settings are. So two runs that differ in one knob can be compared roll by roll. Below 0 a seed is"
        " picked at random, and the one that was used is kept. It does nothing at temperature 0, at top_k 1 and"
        " in contrastive search, where nothing is drawn. Fix it before you study another knob.",
    ),
    "tfs_z": KnobWords(
        "Tail-free (TFS)",
        "Looks at how the sorted probabilities bend and cuts where the flat tail begins.",
        "Takes the sorted probabilities' second differences, scales their absolute values to add up to 1, and"
        " cuts where the running sum passes z. Unlike top_p it finds the tail by the shape of the curve. 1 does"
        " nothing, and so does any value with two candidates or fewer. llama.cpp removed it in 2024, so tsumami"
        " brings its own; the llama.cpp order does not contain it. Set top_p to 1 and try 0.5 to 0.97.",
    ),
    "mirostat_mode": KnobWords(
        "Mirostat mode",
        "Keeps the text's surprise level: 0 off, 1 the original method, 2 the simplified one.",
        "Measures the surprise of each chosen token in bits and adjusts how many candidates stay, so that the"
        " average nears mirostat_tau. Mode 1 estimates the tail's shape to decide how many to keep; mode 2 drops"
        " every token above the current limit. While it is on, top_k, top_p, min_p and the like are not used;"
        " only penalties and temperature act before it, and temperature 0 stays greedy. Worth trying when long"
        " texts turn dull or incoherent.",
    ),
    "mirostat_tau": KnobWords(
        "Mirostat target",
        "The surprise per token, in bits, that mirostat aims at.",
        "Surprise is −log₂ p: 5 bits belong to a token with probability about 1/32. Small targets give safe and"
        " repetitive text, large ones varied and loose text. The limit μ starts at 2τ and moves after every"
        " token by the difference between the surprise and the target. Not used while mirostat_mode is 0. Set the"
        " mode to 2, fix the seed and compare 2, 5 and 8.",
    ),
    "mirostat_eta": KnobWords(
        "Mirostat rate",
        "How strongly a miss of the target moves the limit for the next token.",
        "After each token μ becomes μ − η × (surprise − τ). A large rate follows quickly, and the width of"
        " the choice swings; a small one is calm, and takes long to reach the target. At 0 μ stays at 2τ, a"
        " fixed threshold. Not used while mirostat_mode is 0. If 0.1 feels restless, try 0.05.",
    ),
    "repeat_last_n": KnobWords(
        "Penalty window",
        "How many of the latest tokens the three penalties look back at.",
        "Only tokens inside this window are penalised. A short window stops immediate repeats; a long one also"
        " drives out the words of the topic. At 0 none of the three penalties acts, and while all of them are"
        " neutral (1, 0, 0) this value changes nothing. 64 suits short pieces; when a long text repeats whole"
        " paragraphs, try 256 or more. n_ctx or more means all tokens, for which others write -1.",
    ),
    "penalize_prompt": KnobWords(
        "Penalise the prompt",
        "Whether penalties, DRY and the ban on n-grams count the prompt's tokens as well as the reply's.",
        "On, the end of the prompt counts as text that has already appeared, as in llama-server and the earlier"
        " llama-cpp-python. Off, only the reply counts, as in today's llama-cpp-python. With it on, the words of"
        " your question may be avoided in the answer; for summaries and translations, where they are wanted, off"
        " is better. It does nothing while neither the penalties nor DRY nor no_repeat_ngram_size act.",
    ),
    "dynatemp_range": KnobWords(
        "Dynamic temperature range",
        "Lets the temperature move within T ± this value, by how undecided the distribution is.",
        "The candidates' entropy, divided by its maximum ln n, sets the temperature: near 0 (sure) it is T − r,"
        " near 1 (open) T + r. Certain places stay safe and open ones become bold. 0 keeps the temperature fixed."
        " Not used at temperature 0 or with mirostat. The entropy is taken over what earlier stages left, so"
        " strong narrowing changes it. Try temperature 1 with a range of 0.5.",
    ),
    "dynatemp_exponent": KnobWords(
        "Dynamic temperature exponent",
        "The curve by which entropy becomes temperature.",
        "The entropy, scaled to 0 to 1, is raised to this power before it sets the temperature. 1 is"
        " proportional; above 1 only very open places get hot; below 1 a little doubt suffices. At 0 the"
        " temperature is always at its upper end T + r. Not used while dynatemp_range is 0. Set the range to 0.5"
        " and compare 0.5, 1 and 2.",
    ),
    "xtc_probability": KnobWords(
        "XTC probability",
        "The chance, for each token, that the top choices are excluded.",
        "When it fires, only the least likely of the tokens that reach the threshold stays, and all above it go."
        " It avoids the obvious continuation, which suits fiction. 0 never fires, 1 always. With one token or"
        " none at the threshold nothing happens. Whether it fires is drawn from numbers of its own, so a fixed"
        " seed still repeats. Start at 0.5 with a threshold of 0.1.",
    ),
    "xtc_threshold": KnobWords(
        "XTC threshold",
        "The probability from which XTC counts a token as a top choice.",
        "Only where two or more tokens reach it does XTC remove all but the least likely of them. Lower values"
        " catch more tokens and make the text bolder. At 0 just the least likely candidate of all would stay,"
        " which is no text any more; above 0.5 two tokens can never both reach it, and nothing happens. Not used"
        " while xtc_probability is 0. Try 0.05 to 0.2.",
    ),
    "top_n_sigma": KnobWords(
        "Top-nσ",
        "Keeps the tokens whose logit lies within n standard deviations of the largest.",
        "Works on the spread σ of the logits instead of on probabilities. Dividing by a temperature scales the"
        " gaps and σ alike, so what stays does not depend on the temperature, and hot settings hold together. 0"
        " is off; smaller is stricter. llama.cpp masks with −∞ and removes nothing, so a typical_p after it can"
        " become arbitrary. Try about 1.0 together with a high temperature.",
    ),
    "dry_multiplier": KnobWords(
        "DRY strength",
        "How strongly a token is held back that would continue a repeated sequence.",
        "When the latest tokens match a sequence that occurred before, the token that would continue it loses"
        " more, exponentially, the longer the match. Unlike repeat_penalty, which punishes single words, it lets"
        " words return and breaks loops of sentences and paragraphs. 0 is off, and the other dry_ knobs do"
        " nothing then. About 0.8 is usual; set repeat_penalty to 1 to see it alone.",
    ),
    "dry_base": KnobWords(
        "DRY base",
        "By what factor DRY's penalty grows with each further token of the match.",
        "The penalty is strength × base^(match − allowed length). 1 makes it the same for every length; larger"
        " values crush long matches. Below 1 longer repeats would cost less, so it is refused. Not used while"
        " dry_multiplier is 0. At 1.75 a match five tokens beyond the allowed length costs about 16 times as"
        " much. Leave it, and adjust dry_multiplier first.",
    ),
    "dry_allowed_length": KnobWords(
        "DRY allowed length",
        "The length of a repeat, in tokens, from which DRY begins to punish.",
        "A match of exactly this length costs dry_multiplier, longer ones more; shorter ones are free. Small"
        " values break set phrases and names, large ones overlook short loops. Words that the tokenizer splits"
        " into many tokens (names, Japanese) may need 3 to 5. Not used while dry_multiplier is 0.",
    ),
    "dry_penalty_last_n": KnobWords(
        "DRY window",
        "How many of the latest tokens DRY searches for repeats.",
        "Matches are looked for inside this window only. A long one also finds repeats of distant paragraphs, and"
        " in a long chat avoids earlier set phrases. At 0 DRY does not act, and it is not used while"
        " dry_multiplier is 0. When paragraphs come back, make it at least twice their length. n_ctx or more means"
        " all tokens, for which others write -1.",
    ),
    "dry_sequence_breakers": KnobWords(
        "DRY breakers",
        "Texts at which a match ends.",
        "A match never reaches across one of these texts. With the line break, colon and quotation mark in the"
        ' list, bullet points and the "Name:" of a dialogue go unpunished. An empty list holds repeated'
        " formatting back as well. For Japanese it can help to add 。 and 、 and 」. There may be 32 of them. Not"
        " used while dry_multiplier is 0.",
    ),
    "penalty_alpha": KnobWords(
        "Contrastive weight",
        "Judges the top_k tokens by probability and by how much they resemble the context.",
        "Above 0 (with top_k of 2 or more) contrastive search takes over: the model looks one step ahead for each"
        " candidate, and the best (1 − α) × probability − α × largest cosine similarity to the context's"
        " hidden states wins. Nothing is drawn, so temperature and seed do nothing. Texts stay coherent without"
        " repeating themselves. Each token costs top_k steps of the model, so it is slow. Start with top_k 4 and"
        " α 0.6.",
    ),
    "min_keep": KnobWords(
        "Minimum to keep",
        "The number of candidates that the stages cutting by probability always leave.",
        "typical_p, top_p, min_p, top_a, the epsilon and eta cutoffs, tfs_z and XTC leave at least this many; top_k,"
        " top_h and top_n_sigma do not read it."
        " Even at 0 one candidate always stays. It does nothing at temperature 0 or with mirostat, and never"
        " brings back what an earlier stage removed. To keep some variety under tight cuts, try 2 to 5.",
    ),
    "adaptive_target": KnobWords(
        "Adaptive target",
        "The probability, from 0 to 1, that the chosen tokens should have on average; below 0 it is off.",
        "Instead of drawing by probability, adaptive-p prefers candidates whose probability is near a target: near"
        " ones get up to 5 logits, far ones next to nothing. If the last tokens were likelier than the target, it"
        " aims lower for the next, and the other way round. 0.3 gives surprising text, 0.7 keeps to the likely. It"
        " chooses by itself, after all other stages; let only min_p (0.05 or so) cut before it, or rare nonsense may"
        " be near the target, too. Off at temperature 0 and under mirostat.",
    ),
    "adaptive_decay": KnobWords(
        "Adaptive decay",
        "How long adaptive-p remembers the probabilities of the tokens it has chosen.",
        "The mean that is held against the target weighs each earlier token by this factor once more: 0.9 looks back"
        " at about 10 tokens, 0.99 at about 100, and 0 only at the last one, so the target swings from token to"
        " token. Small values answer at once to a run of safe or wild tokens, large ones let it pass. Not used while"
        " adaptive_target is below 0. Leave it at 0.9 and adjust the target first.",
    ),
    "no_repeat_ngram_size": KnobWords(
        "No repeated n-grams",
        "Forbids every token that would complete n tokens in a row that already stand in the text.",
        "With 3, no three tokens in a row ever come twice, and with 1 no token does. It is a ban, not a penalty:"
        " names, dates and set phrases longer than n break as well, so keep it large (4 or more), or take DRY, which"
        " bends instead of breaking. The prompt counts as text unless penalize_prompt is off. 0 forbids nothing. If"
        " every candidate would complete a repeat, the run ends there. It acts at temperature 0 and with mirostat,"
        " too.",
    ),
    "min_tokens": KnobWords(
        "Minimum tokens",
        "The reply cannot end before it has this many tokens.",
        "Until then the tokens with which the model ends a reply are taken out, and stop texts that are complete by"
        " then do not count. It makes a reply longer only where the model wanted to end: what it goes on with, having"
        " wanted to stop, is often a repetition or a new topic. A grammar that has nothing more to say before that is"
        " a dead end. max_tokens still holds. 0 lets it end at once. Try 20 to 100 where replies come out too short.",
    ),
    "ignore_eos": KnobWords(
        "Ignore the end",
        "Takes the tokens out with which the model ends a reply, so it goes on until max_tokens.",
        "The reply then ends at a stop text, at max_tokens or where the context is full. Useful for measuring speed"
        " and for looking at what a model says once it should have stopped, less so for reading. It acts in every way"
        " of choosing, and before all other stages. With a grammar that is complete and allows nothing else, the run"
        " comes to a dead end.",
    ),
    "heal_tokens": KnobWords(
        "Token healing",
        "A prompt that ends inside a token goes on as if it did not.",
        "A text that ends with `http:` or with half a word is cut into tokens that the model seldom sees there, and"
        " what follows suffers. With this on, the last tokens that one longer token begins with are taken back, and the"
        " reply has to begin with their text, which is not shown again: after `http:` it can write `://` as the one"
        " token that it is. It helps with raw prompts that end without a space or in mid-word. A chat prompt ends with"
        " a mark, and there it changes nothing.",
    ),
    "penalize_except": KnobWords(
        "Not penalised",
        "Tokens that the penalties and DRY do not count, as if they were not in the text.",
        "Texts or ids (<[2]> for id 2) of tokens that may come again and again: line breaks, quotation marks, full"
        " stops, the end token. They take no place in the windows, and no repeat is seen in them; all others are"
        " penalised as before. A text means every token that is exactly it, and if there is none, those that it is"
        r" spelt with. The ban on n-grams does not heed it. Without a penalty or DRY it does nothing. Try \n and 。"
        " with a high frequency_penalty.",
    ),
    "text_bias": KnobWords(
        "Bias by text",
        "As logit_bias, but by text: adds a number to the logits of the tokens of a word; −∞ bans them.",
        "A text means every token that is exactly it, so ' yes' and 'yes' are two entries. A longer text is reached"
        " by the first of its tokens that no other entry reaches: enough to invite a word, while a ban of it bans"
        " whatever else begins with that token. <[12]> is the token with id 12. Where logit_bias names a token as"
        " well, both add up. It acts before every other stage and in every way of choosing. The ledger shows which"
        " tokens it has moved.",
    ),
    "top_a": KnobWords(
        "Top-a",
        "Drops every token less likely than a times the square of the most likely one's probability.",
        "Like min_p, but with the square: where the model is sure the threshold is nearly as high as min_p's, and where"
        " it hesitates it falls away much faster, so open places stay wide open. With a largest probability of 0.9 and"
        " a = 0.2 everything below 0.162 goes; with 0.1 only what is below 0.002. 0 removes nothing, and the best token"
        " always stays. Set top_k and min_p to 0 and compare 0.1 with 0.5.",
    ),
    "top_h": KnobWords(
        "Top-H",
        "Keeps the most likely tokens until their part of the entropy reaches this share of all of it.",
        "Looks at the 100 largest candidates. Each adds −p ln p to their entropy; going down from the most likely, as"
        " many stay as add up to at most h times the whole. So a sure model keeps one or two, an undecided one many,"
        " and it bounds how random the choice may be. 1 does nothing; below it at most 100 tokens are left, and the"
        " best always stays. Meant for high temperatures: put temperature first, and try 0.4.",
    ),
    "epsilon_cutoff": KnobWords(
        "Epsilon cutoff",
        "Drops every token whose probability is below ε, whatever the others are.",
        "The simplest threshold: no token with less than ε is ever drawn, which keeps out the long tail of tokens"
        " that a model gives a little probability only because it has to give them some. Unlike min_p it does not"
        " move with the largest probability, so where everything is unlikely it may leave the best token alone. 0"
        " removes nothing. Usual values are 0.0003 to 0.0009 (other programs write 3 to 9); the page's range is wide"
        " so that you can see it act.",
    ),
    "eta_cutoff": KnobWords(
        "Eta cutoff",
        "Drops what is below ε, or below √ε · e^(−H) where the distribution is flat.",
        "An epsilon cutoff that gives way: the threshold is the smaller of ε and √ε times e to the power of minus the"
        " entropy. Where the model is sure it is ε; where it is open, with a high entropy H, it sinks, since there many"
        " unlikely tokens are good. 0 removes nothing, and the best token always stays. Usual values are 0.0003 to"
        " 0.004 (other programs write 3 to 40). Compare it with epsilon_cutoff at the same value.",
    ),
    "smoothing_factor": KnobWords(
        "Smoothing factor",
        "Bends the logits: those near the largest move together, those far below it fall away by the square.",
        "With d the distance of a logit below the largest, the distance becomes f × d² (with smoothing_curve 1)."
        " Tokens less than 1/f below the best come closer to it, those farther away are pushed out, so one knob does"
        " both what a higher temperature and what a cut would do. 0 is off. It stands before temperature, which you"
        " may set to 1 to see it alone. Small values flatten, large ones are nearly greedy. Try 0.2 to 0.3 without"
        " other cuts.",
    ),
    "smoothing_curve": KnobWords(
        "Smoothing curve",
        "How much of the smoothing goes by the third power of the distance instead of the second.",
        "1 is the plain square. Above, part of it becomes a cube: tokens close to the best are punished less and far"
        " ones more. At 3 only the cube is left; beyond that the tokens just below the best even overtake it, which"
        " can be wanted in fiction. Not used while smoothing_factor is 0. Keep the factor at 0.25 and compare 1, 2"
        " and 4.",
    ),
    "guidance_scale": KnobWords(
        "Guidance scale",
        "How much the prompt counts: above 1, further away from the negative prompt.",
        "The same reply is predicted after the prompt and after the negative prompt, and the difference is stretched"
        " by this factor. 1 does nothing (and costs nothing); above 1, what the prompt made likelier becomes likelier"
        " still; 0 follows the negative prompt alone. Begin at about 1.5: large values break the text. It acts before"
        " all other stages, on the logarithms of both probabilities. Each token then takes about the work of two.",
    ),
    "negative_prompt": KnobWords(
        "Negative prompt",
        "The prompt that guidance steers away from.",
        "Used where guidance_scale is not 1. It goes to the model as it is written, without a chat template. Written"
        " like the prompt, but asking for what is not wanted (to be boring, say), it moves the reply away from that."
        " Empty, it is the prompt's last token alone, as in transformers.",
    ),
    "logit_bias": KnobWords(
        "Logit bias",
        "Adds a number to the logits of chosen tokens; −∞ bans them.",
        "It is added before every other stage. Positive values invite a token, negative ones discourage it, −∞"
        " (-inf) means never. A few units are plainly felt, and 100 all but forces the token. It acts at"
        " temperature 0 and in contrastive search too. Ids differ between models, and one word can be several"
        " tokens, for instance with and without a leading space: look at the tokenized text first.",
    ),
    "grammar": KnobWords(
        "Grammar (GBNF)",
        "Allows only tokens that fit a grammar written in GBNF.",
        "Sets the logit of every token that cannot come next to −∞. It can hold a reply to yes or no, or to a"
        " fixed format. The form is certain, the content is not. Where the grammar cannot end yet, the end token"
        " is barred as well, so a reply cut off by max_tokens is incomplete. For JSON, json_schema is easier. It"
        " excludes json_schema and regex.",
    ),
    "json_schema": KnobWords(
        "JSON schema",
        "Makes the reply JSON that fits a schema.",
        'Tokens that do not fit the schema are barred. {"type": "object"} is enough'
        " to always get a JSON object. Properties come in the schema's order, and"
        " others may follow unless additionalProperties is false. It only enforces the form, so say"
        " in the prompt, too, what you want. Too small a max_tokens cuts the JSON off. A keyword that cannot"
        " be kept to, such as not or uniqueItems, is refused by name and never ignored; so is a mistyped one, and a"
        " number beyond 2^53, which would be rounded. It excludes grammar and regex.",
    ),
    "regex": KnobWords(
        "Regular expression",
        "Makes the whole reply match a regular expression.",
        r"Only tokens with which the reply can still come to match are left, such as \d{4}-\d{2}-\d{2} for a date. The"
        " whole reply has to match, with or without ^ and $. Once it does, the model may end; where it cannot match"
        " yet, it may not. Look-around and back-references are refused. It excludes grammar and json_schema.",
    ),
    "stop": KnobWords(
        "Stop texts",
        "Generation ends just before any of these texts.",
        "As soon as one of them appears in the output, generation ends, and the stop text is not part of the"
        " reply. It is found even when it spans several tokens. Probabilities are untouched, so the text up to"
        ' there stays the same. Use "User:" when the model goes on to write your part of the chat, or a line'
        " break for a single line. With none, the end token or max_tokens decides. All of them together may have"
        " 65,536 characters.",
    ),
    "thinking": KnobWords(
        "Thinking",
        "Whether to think before answering, told to the chat template as enable_thinking.",
        "For models that can do both, such as Qwen3. With auto nothing is told, so the template's own default "
        "holds. What on and off do is the template's to decide: with some models off leaves the thinking out, "
        "others do not read it. It is used when a prompt is made of a conversation, so a plain completion (raw) "
        "does not change.",
    ),
    "chat_template_kwargs": KnobWords(
        "Template variables",
        "Variables for the chat template, as a JSON object.",
        'Values for variables that the template reads, such as {"reasoning_effort": "low"}; which there are is '
        "different for every model, and names that the template does not read are ignored. The conversation "
        "itself (messages) and what else is settled here, such as the names of special tokens, cannot be given. "
        "An enable_thinking here holds before the knob thinking.",
    ),
    "thinking_budget": KnobWords(
        "Thinking budget",
        "After so many tokens of thinking, its end mark is put there and the answer begins.",
        "-1 leaves it to the model, 0 ends the thinking as soon as it begins. When the budget is spent, and the "
        "character is complete, only the tokens of the end mark (</think>, say) are left to choose from; after "
        "them the reply goes on as always. Thinking that was cut off has come to no conclusion, so too small a "
        "budget makes worse answers. With a model that marks no thinking it does nothing.",
    ),
    "thinking_settings": KnobWords(
        "Knobs while thinking",
        "Values of knobs that hold while it thinks, as a JSON object.",
        'With {"temperature": 1.0, "top_p": 0.95}, say, these hold in the thinking and the others in the answer: look'
        " around widely, then write with care. Only knobs that narrow or reweigh the candidates can be given; the way"
        " to choose (greedy, mirostat …), constraints and lengths stay the same throughout. The rolls go on with the"
        " next number, so the same seed gives the same text. With a model that marks no thinking it does nothing.",
    ),
    "banned_texts": KnobWords(
        "Banned texts",
        "When one of these texts has been written, goes back to where it begins and chooses again.",
        "As soon as one of them stands in the reply (upper or lower case alike), the run goes back to the token"
        " where it begins, takes that token out and chooses again with the same roll, as often as it takes; so"
        " none is ever part of a reply. Unlike a ban of tokens, this leaves all other words that begin alike."
        " Nothing is shown while it may be the beginning of one, so what is taken back is never seen; the ledger"
        " and the microscope keep it. Where nothing is left to choose, or after 1,000 tries in one place, the run"
        " comes to a dead end. It does not go back into a beginning that the reply was given, and the prompt's own"
        " text is not looked at. All of them together may have 65,536 characters.",
    ),
    "samplers": KnobWords(
        "Order of samplers",
        "Which stages run, and in which order.",
        "Each stage works on what the one before it left, so the order matters. classic is the traditional chain"
        " with the temperature last, and includes tfs_z; llama.cpp is today's default there. You can also list"
        " stages yourself; what you leave out does not run. Move temperature to the front and top_p or min_p see"
        " a flatter distribution and keep more. Not used with mirostat.",
    ),
}
