/* Spans as somebody may well write them, and what the specification makes of them: flattened lists with odd
 * indexes (dialects §4.3, §7.1), values in other forms (§2), sides that lack something (§9, §11). A row is the
 * span in lines (span_lines.h) and the fields that count. */
#include "testing.h"

#include "records.h"
#include "span_lines.h"

#define LLM "=openinference.span.kind\tLLM\n"
#define ASK "=llm.input_messages.0.message.role\tuser\n=llm.input_messages.0.message.content\tQ?\n"
#define SAY "=llm.output_messages.0.message.content\tA.\n"

static const struct row {
    const char *name, *lines, *wanted; /* wanted: JSON, single quotes for double ones */
} rows[] = {
    /* ---- indexes ---- */
    {"a gap is legal when nothing was dropped",
     LLM
     "=llm.input_messages.1.message.content\tQ?\n=llm.input_messages.7.message.content\tQ2\n" SAY,
     "{'messages':[{'role':'user','content':'Q?'},{'role':'user','content':'Q2'}],'flags':[],"
     "'skip_reason':null}"},
    {"indexes out of order are sorted as numbers",
     LLM "=llm.input_messages.10.message.content\tc\n=llm.input_messages.2.message.content\tb\n"
         "=llm.input_messages.0.message.content\ta\n" SAY,
     "{'messages':[{'role':'user','content':'a'},{'role':'user','content':'b'},{'role':'user','"
     "content':"
     "'c'}]}"},
    {"a negative index is none",
     LLM "=llm.input_messages.-1.message.content\tno\n" ASK
         "=llm.output_messages.-1.message.content\tno\n" SAY,
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.'}"},
    {"2^31, 2^63 and beyond are none",
     LLM "=llm.input_messages.2147483648.message.content\tno\n"
         "=llm.input_messages.9223372036854775808.message.content\tno\n"
         "=llm.input_messages.99999999999999999999999.message.content\tno\n" ASK
         "=llm.output_messages.2147483648.message.content\tno\n" SAY,
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.'}"},
    {"2^31 alone is no message", LLM "=llm.input_messages.2147483648.message.content\tno\n" SAY,
     "{'messages':[],'response':'A.','skip_reason':'no_prompt'}"},
    {"no number, a fraction, a sign, a space are none",
     LLM "=llm.input_messages..message.content\tno\n=llm.input_messages.x.message.content\tno\n"
         "=llm.input_messages.+1.message.content\tno\n=llm.input_messages. 1.message.content\tno\n"
         "=llm.input_messages.1e0.message.content\tno\n" ASK SAY,
     "{'messages':[{'role':'user','content':'Q?'}]}"},
    {"the first of two equal keys counts",
     LLM ASK "=llm.input_messages.0.message.content\tno\n" SAY
             "=llm.output_messages.0.message.content\tno\n",
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.'}"},
    {"tool calls and parts have indexes of the same kind",
     LLM ASK "=llm.output_messages.0.message.tool_calls.9.tool_call.function.name\tlast\n"
             "=llm.output_messages.0.message.tool_calls.3.tool_call.function.name\tfirst\n"
             "=llm.output_messages.0.message.tool_calls.-1.tool_call.function.name\tno\n"
             "=llm.output_messages.0.message.tool_calls.2147483648.tool_call.function.name\tno\n",
     "{'tool_calls':[{'id':null,'name':'first','arguments':{}},{'id':null,'name':'last','arguments'"
     ":{}}],"
     "'flags':['tool_call_only'],'skip_reason':null}"},
    {"parts out of order, with a gap",
     LLM "=llm.input_messages.0.message.contents.5.message_content.text\tb\n"
         "=llm.input_messages.0.message.contents.1.message_content.text\ta\n" SAY,
     "{'messages':[{'role':'user','content':'a\\nb'}]}"},
    {"prompts and completions: the lowest index is the first",
     LLM "=llm.prompts.4.prompt.text\tno\n=llm.prompts.1.prompt.text\tQ?\n"
         "=llm.choices.3.completion.text\tB.\n=llm.choices.2.completion.text\tA.\n",
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.','choices':[{'response':'A.'},"
     "{'response':'B.'}],'flags':['multiple_choices']}"},
    {"indexed messages with gaps and oddities",
     "=llm.request.type\tchat\n=gen_ai.prompt.12.content\tb\n=gen_ai.prompt.3.content\ta\n"
     "=gen_ai.prompt.-3.content\tno\n=gen_ai.prompt.2147483648.content\tno\n"
     "=gen_ai.prompt.prompt_filter_results\t[]\n=gen_ai.completion.content_filter_results\t{}\n"
     "=gen_ai.completion.7.content\tA.\n=gen_ai.completion.7.finish_reason\tstop\n",
     "{'messages':[{'role':'user','content':'a'},{'role':'user','content':'b'}],'response':'A.',"
     "'finish_reason':'stop','dialect':'openllmetry','skip_reason':null}"},
    {"documents of a retriever, out of order and with gaps",
     "=openinference.span.kind\tRETRIEVER\n=retrieval.documents.30.document.content\tb\n"
     "#retrieval.documents.30.document.id\t7\n=retrieval.documents.4.document.content\ta\n"
     "=retrieval.documents.-1.document.content\tno\n=retrieval.documents.2147483648.document."
     "content\tno\n",
     "{'kind':'retriever','documents':[{'content':'a','source':'span:3031323334353637'},{'content':"
     "'b',"
     "'id':'7','source':'span:3031323334353637'}],'skip_reason':'not_llm'}"},
    {"tools with gaps, and one that is none",
     LLM ASK SAY
     "=llm.tools.9.tool.json_schema\t{\"name\":\"b\"}\n=llm.tools.2.tool.json_schema\t{\"name\":"
     "\"a\"}\n=llm.tools.3.tool.json_schema\tno\n=llm.tools.-1.tool.json_schema\t{\"name\":\"no\"}"
     "\n",
     "{'tools':[{'name':'a','description':null,'parameters':null},{'name':'b','description':null,"
     "'parameters':null}]}"},

    {"evidence counts in its own order, not in that of the attributes",
     "=llm.input_messages.0.message.content\tQ?\n=retrieval.documents.0.document.content\ta\n",
     "{'kind':'retriever'}"},

    /* ---- tool calls ---- */
    {"arguments with NaN, a lone surrogate and bad UTF-8 are JSON",
     LLM ASK
     "=llm.output_messages.0.message.tool_calls.0.tool_call.function.name\tf\n"
     "=llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments\t{\"a\":NaN,\"b\":"
     "\"\\ud83d\",\"c\":\"\xf0\"}\n",
     "{'tool_calls':[{'id':null,'name':'f','arguments':{'a':null,'b':'\xEF\xBF\xBD','c':'"
     "\xEF\xBF\xBD'}}]}"},
    {"arguments that do not parse are their text",
     LLM ASK
     "=llm.output_messages.0.message.tool_calls.0.tool_call.function.name\tf\n"
     "=llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments\t{'a': None\n",
     "{'tool_calls':[{'id':null,'name':'f','arguments':'{\\u0027a\\u0027: None'}]}"},
    {"arguments as a structure, as bytes, as a number",
     LLM ASK
     "=llm.output_messages.0.message.tool_calls.0.tool_call.function.name\tf\n"
     "@llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments\t{\"a\":[1]}\n"
     "=llm.output_messages.0.message.tool_calls.1.tool_call.function.name\tg\n"
     "~llm.output_messages.0.message.tool_calls.1.tool_call.function.arguments\t{\"a\":2}\n"
     "=llm.output_messages.0.message.tool_calls.2.tool_call.function.name\th\n"
     "#llm.output_messages.0.message.tool_calls.2.tool_call.function.arguments\t3\n",
     "{'tool_calls':[{'id':null,'name':'f','arguments':{'a':[1]}},{'id':null,'name':'g','arguments'"
     ":{'a':2}},"
     "{'id':null,'name':'h','arguments':{}}]}"},
    {"whole numbers that a double does not hold keep their digits in a structure",
     LLM ASK "=llm.output_messages.0.message.tool_calls.0.tool_call.function.name\tf\n"
             "@llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments\t{\"id\":"
             "9007199254740993}\n",
     "{'tool_calls':[{'id':null,'name':'f','arguments':{'id':'9007199254740993'}}]}"},
    {"calls of nothing are none",
     LLM ASK "=output.value\t{\"choices\":[{\"message\":{\"tool_calls\":[null,3,{},{\"function\":{}"
             "}]}}]}\n",
     "{'tool_calls':[],'skip_reason':'no_response'}"},
    {"tool results in a choice are no answer",
     "=gen_ai.operation.name\tchat\n!gen_ai.user.message\n=content\tQ?\n!gen_ai.choice\n=message\t"
     "[{\"toolResult\":{\"toolUseId\":\"1\",\"content\":[{\"text\":\"no\"}]}},{\"text\":\"A.\"}]\n",
     "{'response':'A.','choices':[],'skip_reason':null}"},
    {"a candidate that is a function's result is no answer",
     LLM "=input.value\tQ?\n=output.value\t{\"candidates\":[{\"content\":{\"parts\":[{"
         "\"functionResponse\":{"
         "\"name\":\"f\",\"response\":\"no\"}}]}}]}\n",
     "{'response':'','skip_reason':'no_response'}"},

    /* ---- text that looks like JSON ---- */
    {"a user's list is his text, in events too",
     "=gen_ai.operation.name\tchat\n!gen_ai.user.message\n=content\t[1, 2, "
     "3]\n!gen_ai.choice\n=message\t"
     "{\"answer\": 6}\n",
     "{'messages':[{'role':'user','content':'[1, 2, 3]'}],'response':'{\\u0022answer\\u0022: 6}',"
     "'skip_reason':null}"},
    {"a list of blocks and of something else is text",
     "=llm.request.type\tchat\n=gen_ai.prompt.0.content\t[{\"type\":\"text\",\"text\":\"Q?\"}, "
     "{\"name\":\"x\"}]\n"
     "=gen_ai.completion.0.content\tA.\n",
     "{'messages':[{'role':'user','content':'[{\\u0022type\\u0022:\\u0022text\\u0022,"
     "\\u0022text\\u0022:"
     "\\u0022Q?\\u0022}, {\\u0022name\\u0022:\\u0022x\\u0022}]'}]}"},
    {"blocks as JSON text are blocks",
     "=llm.request.type\tchat\n=gen_ai.prompt.0.content\t[{\"type\":\"text\",\"text\":\"Q?\"},{"
     "\"type\":\"image\"}]"
     "\n=gen_ai.completion.0.content\tA.\n",
     "{'messages':[{'role':'user','content':'Q?\\n[image]'}],'skip_reason':'multimodal_prompt'}"},
    {"null where content was due gives way to the next name",
     "=gen_ai.operation.name\tchat\n=gen_ai.input.messages\t[{\"role\":\"user\",\"parts\":null,"
     "\"content\":\"Q?\"}]"
     "\n=gen_ai.output.messages\t[{\"content\":\"A.\"}]\n",
     "{'messages':[{'role':'user','content':'Q?'}],'skip_reason':null}"},

    /* ---- sides ---- */
    {"a prompt of roles alone gives way to the next source",
     LLM "=llm.input_messages.0.message.role\tuser\n" SAY "=input.value\tQ?\n",
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.','skip_reason':null}"},
    {"a prompt of roles alone, and no other", LLM "=llm.input_messages.0.message.role\tuser\n" SAY,
     "{'skip_reason':'no_prompt'}"},
    {"a cut system prompt is a cut prompt",
     "=gen_ai.operation.name\tchat\n=gen_ai.system_instructions\t[{\"type\":\"text\",\"content\":"
     "\"Be \n"
     "=gen_ai.input.messages\t[{\"role\":\"user\",\"content\":\"Q?\"}]\n"
     "=gen_ai.output.messages\t[{\"content\":\"A.\"}]\n",
     "{'truncated':'prompt','skip_reason':'truncated'}"},
    {"a value as long as one that was cut is cut as well",
     "=llm.request.type\tchat\n=gen_ai.prompt.0.content\t0123456789\n=gen_ai.completion.0."
     "content\tA.\n"
     "=other\t{\"a\":\"bcde\n",
     "{'truncated':'prompt','skip_reason':'truncated'}"},
    {"events in one attribute that was cut hold neither side",
     "=gen_ai.operation.name\tchat\n=events\t[{\"event.name\":\"gen_ai.user.message\",\"content\":"
     "\"Q\n",
     "{'truncated':'both','skip_reason':'truncated'}"},
    {"an answer that was withheld",
     "=gen_ai.operation.name\tchat\n=gen_ai.input.messages\t[{\"role\":\"user\",\"content\":\"Q?\"}"
     "]\n"
     "=gen_ai.output.messages\t[{\"role\":\"assistant\",\"parts\":[{\"type\":\"text\"}]}]\n",
     "{'response':'','skip_reason':'content_disabled'}"},
    {"a prompt that was withheld",
     "=gen_ai.operation.name\tchat\n!gen_ai.user.message\n=role\tuser\n!gen_ai.choice\n=message\tA."
     "\n",
     "{'response':'A.','skip_reason':'content_disabled'}"},
    {"a prompt that was withheld in one source and stands in another",
     "=gen_ai.operation.name\tchat\n=input.value\tQ?\n!gen_ai.user.message\n=role\tuser\n!gen_ai."
     "choice\n"
     "=message\tA.\n",
     "{'messages':[{'role':'user','content':'Q?'}],'response':'A.','skip_reason':null}"},
    {"a masked text inside a free prompt is a mask",
     LLM "=input.value\t{\"q\":\"__REDACTED__\"}\n=output.value\tA.\n",
     "{'redacted':true,'messages':[],'skip_reason':'redacted'}"},
    {"a scrubbed answer in Logfire's data is a mask",
     "=request_data\t{\"model\":\"gpt-5\",\"prompt\":\"Q?\"}\n=gen_ai.request.model\tgpt-5\n"
     "=response_data\t{\"text\":\"[Scrubbed due to 'password']\"}\n",
     "{'redacted':true,'response':'','skip_reason':'redacted'}"},
    {"the answer of Logfire's text completion tells its usage",
     "=request_data\t{\"model\":\"gpt-5\",\"prompt\":\"Q?\"}\n=gen_ai.request.model\tgpt-5\n"
     "=response_data\t{\"text\":\"A.\",\"finish_reason\":\"length\",\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":4}}\n",
     "{'response':'A.','finish_reason':'length','usage':{'input_tokens':3,'output_tokens':4,"
     "'total_tokens':7}}"},

    /* ---- roles and choices ---- */
    {"a role of somebody's own is the name",
     LLM
     "=llm.input_messages.0.message.role\tcritic\n=llm.input_messages.0.message.content\tQ?\n" SAY,
     "{'messages':[{'role':'user','content':'Q?','name':'critic'}]}"},
    {"a role of somebody's own in a payload is the name",
     LLM
     "=input.value\t{\"messages\":[{\"role\":\"critic\",\"content\":\"Q?\"}]}\n=output.value\tA.\n",
     "{'messages':[{'role':'user','content':'Q?','name':'critic'}]}"},
    {"a role of somebody's own where the name is taken",
     LLM
     "=input.value\t{\"messages\":[{\"role\":\"critic\",\"name\":\"Ann\",\"content\":\"Q?\"}]}\n"
     "=output.value\tA.\n",
     "{'messages':[{'role':'user','content':'Q?','name':'Ann'}]}"},
    {"LangChain's ChatMessage tells its role itself",
     LLM
     "=input.value\t{\"messages\":[[{\"lc\":1,\"id\":[\"x\",\"ChatMessage\"],\"kwargs\":{\"role\":"
     "\"assistant\",\"content\":\"Q?\"}}]]}\n=output.value\tA.\n",
     "{'messages':[{'role':'assistant','content':'Q?'}]}"},
    {"a text completion with n = 2",
     LLM "=input.value\t{\"prompt\":\"Q?\",\"n\":2}\n=output.value\t{\"choices\":[{\"text\":\"A.\","
         "\"finish_reason\":"
         "\"stop\"},{\"text\":\"B.\",\"finish_reason\":\"length\"}]}\n",
     "{'response':'A.','choices':[{'response':'A.','tool_calls':[],'finish_reason':'stop'},{'"
     "response':'B.',"
     "'tool_calls':[],'finish_reason':'length'}],'flags':['multiple_choices']}"},

    {"replies of Haystack are choices",
     LLM "=input.value\tQ?\n=output.value\t{\"replies\":[\"A.\",\"B.\"],\"meta\":[{\"finish_"
         "reason\":\"stop\"},"
         "{\"finish_reason\":\"length\"}]}\n",
     "{'response':'A.','finish_reason':'stop','choices':[{'response':'A.','finish_reason':'stop'},"
     "{'response':'B.','finish_reason':'length'}]}"},
    {"Ollama's generated text",
     LLM "=input.value\tQ?\n=output.value\t{\"model\":\"llama3\",\"response\":\"A.\",\"done\":true,"
         "\"done_reason\":\"length\"}\n",
     "{'response':'A.','model':'llama3','finish_reason':'length'}"},
    {"an answer that has a member `response` is not Ollama's",
     LLM "=input.value\tQ?\n=output.value\t{\"response\":\"A.\",\"sure\":1}\n",
     "{'response':'{\\u0022response\\u0022:\\u0022A.\\u0022,\\u0022sure\\u0022:1}'}"},
    {"Cohere with documents and nothing else",
     LLM "=input.value\t{\"message\":\"Q?\",\"documents\":[{\"title\":\"t\",\"snippet\":\"s\"}]}\n="
         "output.value"
         "\tA.\n",
     "{'messages':[{'role':'user','content':'Q?'}],'context':[{'content':'s','id':'t','source':'"
     "prompt'}]}"},
    {"what LlamaIndex makes of a chat answer", LLM ASK "=output.value\tassistant: A.\n",
     "{'response':'A.'}"},
    {"reasoning is neither prompt nor answer",
     LLM "=input.value\t{\"messages\":[{\"role\":\"user\",\"content\":\"Q?\"},{\"role\":"
         "\"assistant\",\"content\":"
         "[{\"type\":\"reasoning\",\"text\":\"no\"},{\"type\":\"text\",\"text\":\"Hm.\"}]}]}\n="
         "output.value\tA.\n",
     "{'messages':[{'role':'user','content':'Q?'},{'role':'assistant','content':'Hm.'}]}"},
    {"a reference to media in Langfuse is media",
     "=langfuse.observation.type\tgeneration\n=langfuse.observation.input\t[{\"role\":\"user\","
     "\"content\":"
     "\"@@@langfuseMedia:type=audio/"
     "wav|id=x|source=bytes@@@\"}]\n=langfuse.observation.output\tA.\n",
     "{'messages':[{'role':'user','content':'[audio]'}],'flags':['multimodal'],"
     "'skip_reason':'multimodal_prompt'}"},
    {"media and a tool call: the marker is no text",
     LLM ASK "=llm.output_messages.0.message.contents.0.message_content.type\timage\n"
             "=llm.output_messages.0.message.tool_calls.0.tool_call.function.name\tf\n",
     "{'response':'[image]','flags':['multimodal','tool_call_only'],'skip_reason':null}"},

    /* ---- metadata ---- */
    {"token counts whose sum does not fit",
     LLM ASK SAY "#llm.token_count.prompt\t9223372036854775807\n#llm.token_count.completion\t1\n",
     "{'usage':{'input_tokens':9223372036854775807,'output_tokens':1,'total_tokens':null}}"},
    {"token counts below nothing are not recorded",
     LLM ASK SAY "#llm.token_count.prompt\t-5\n=llm.token_count.completion\t-9223372036854775808\n"
                 "@llm.token_count.total\t0.5\n",
     "{'usage':{'input_tokens':null,'output_tokens':null,'total_tokens':null}}"},
    {"Anthropic's counts with a cache whose sum does not fit",
     LLM ASK "=output.value\t{\"stop_reason\":\"end_turn\",\"content\":[{\"type\":\"text\","
             "\"text\":\"A.\"}],"
             "\"usage\":{\"input_tokens\":9223372036854775807,\"cache_read_input_tokens\":9,"
             "\"output_tokens\":2}}\n",
     "{'usage':{'input_tokens':null,'output_tokens':2,'total_tokens':null,'cache_read':9}}"},
    {"usage as a structure",
     "=langfuse.observation.type\tgeneration\n=langfuse.observation.input\tQ?\n"
     "=langfuse.observation.output\tA.\n@langfuse.observation.usage_details\t{\"input\":3,"
     "\"output\":4}\n",
     "{'usage':{'input_tokens':3,'output_tokens':4,'total_tokens':7}}"},
    {"a schema that is no JSON is none", LLM ASK SAY "=ai.schema\tobject\n",
     "{'response_format':null,'flags':[]}"},
    {"a schema with NaN in it is JSON", LLM ASK SAY "=ai.schema\t{\"maximum\":Infinity}\n",
     "{'response_format':{'type':'json_schema','schema':{'maximum':null}},'flags':['structured_"
     "output']}"},
    {"parameters as a structure",
     LLM ASK SAY
     "@llm.invocation_parameters\t{\"stream\":true,\"response_format\":{\"type\":\"json_object\"},"
     "\"stop_reason\":\"max_tokens\"}\n",
     "{'response_format':{'type':'json_object','schema':null},'finish_reason':'length',"
     "'flags':['length_limited','streaming','structured_output']}"},
    {"the format of a Responses request that is not the source",
     LLM ASK SAY "=input.value\t{\"model\":\"gpt-5\",\"input\":\"Q?\",\"text\":{\"format\":{"
                 "\"type\":\"json_schema\","
                 "\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}}\n",
     "{'response_format':{'type':'json_schema','schema':{'type':'object'}}}"},
    {"the format of a Gemini request",
     LLM "=input.value\t{\"contents\":\"Q?\",\"generation_config\":{\"response_mime_type\":"
         "\"application/json\","
         "\"response_schema\":{\"type\":\"OBJECT\"}}}\n=output.value\tA.\n",
     "{'response_format':{'type':'json_schema','schema':{'type':'OBJECT'}}}"},
    {"JSON from Gemini without a schema",
     LLM "=input.value\t{\"contents\":\"Q?\",\"generationConfig\":{\"responseMimeType\":"
         "\"application/json\"}}\n"
         "=output.value\tA.\n",
     "{'response_format':{'type':'json_object','schema':null}}"},
    {"a previous response in the parameters",
     LLM ASK SAY "=llm.invocation_parameters\t{\"previous_response_id\":\"resp_1\"}\n",
     "{'flags':['prompt_incomplete'],'skip_reason':null}"},
    {"a previous response in a request that is not the source",
     LLM ASK SAY
     "=input.value\t{\"model\":\"gpt-5\",\"input\":\"Q?\",\"previous_response_id\":\"resp_1\"}\n",
     "{'flags':['prompt_incomplete'],'skip_reason':null}"},
    {"documents in a request that is not the source (12.3)",
     LLM ASK SAY
     "=input.value\t{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
     "\"document\",\"title\":\"t\",\"source\":{\"type\":\"text\",\"data\":\"Ants.\"}}]}]}\n",
     "{'dialect':'openinference','context':[{'content':'Ants.','id':'t','source':'prompt'}]}"},
    {"documents in a request whose text is masked stay there",
     LLM "=llm.input_messages.0.message.content\t__REDACTED__\n" SAY
         "=input.value\t{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"document\","
         "\"source\":{\"type\":\"text\",\"data\":\"Ants.\"}}]}]}\n",
     "{'context':[],'messages':[],'redacted':true,'skip_reason':'redacted'}"},
    {"a request that was encoded twice and is not the source",
     LLM ASK SAY
     "=input.value\t\"{\\\"model\\\":\\\"gpt-5\\\",\\\"messages\\\":[{\\\"role\\\":\\\"user\\\","
     "\\\"content\\\":\\\"Q?\\\"}],\\\"stream\\\":true}\"\n",
     "{'model':'gpt-5','flags':['partial_response','streaming']}"},
    {"a request that names no previous response and no conversation",
     LLM "=input.value\t{\"model\":\"gpt-5\",\"input\":\"Q?\",\"previous_response_id\":null,"
         "\"conversation\":null}"
         "\n=output.value\tA.\n=llm.invocation_parameters\t{\"conversation\":null}\n",
     "{'flags':[],'skip_reason':null}"},
    {"a finish reason of each type",
     LLM ASK SAY
     "#gen_ai.response.finish_reasons\t3\n@llm.finish_reason\t[null,\"no\"]\n"
     "=gen_ai.response.finish_reason\t[\"STOP\n=llm.response.finish_reason\t[\"max_tokens\"]\n",
     "{'finish_reason':'length','finish_reason_raw':'max_tokens'}"},
    {"bytes where words are due",
     LLM ASK SAY "~llm.model_name\tgpt-5\n~session.id\ts1\n~llm.provider\topenai\n",
     "{'model':'gpt-5','provider':'openai','session_id':'s1'}"},
    {"a kind as bytes", "~openinference.span.kind\tTOOL\n",
     "{'kind':'tool','skip_reason':'not_llm'}"},
    {"a kind of another type is none",
     "#openinference.span.kind\t1\n@langsmith.span.kind\t[\"llm\"]\n=gen_ai.span.kind\tTOOL\n",
     "{'kind':'tool'}"},
    {"ADK's request as a structure",
     "@gcp.vertex.agent.llm_request\t{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Q?\"}"
     "]}]}\n"
     "@gcp.vertex.agent.llm_response\t{\"content\":{\"parts\":[{\"text\":\"A.\"}]}}\n",
     "{'kind':'llm','messages':[{'role':'user','content':'Q?'}],'response':'A.','skip_reason':"
     "null}"},
    {"ADK's empty request, as text and as a structure",
     "@gcp.vertex.agent.llm_request\t{}\n=gcp.vertex.agent.tool_call_args\t{}\n",
     "{'kind':'tool'}"},
    {"of two ADK requests the first counts",
     "=gcp.vertex.agent.llm_request\t{}\n=gcp.vertex.agent.llm_request\t{\"contents\":\"no\"}\n"
     "=gcp.vertex.agent.tool_call_args\t{}\n",
     "{'kind':'tool'}"},
    {"an operation id of nothing leaves the span's name to tell",
     "-ai.operationId\t\n=operation.name\tai.generateText.doGenerate f\n=ai.prompt.messages\t"
     "[{\"role\":\"user\",\"content\":\"Q?\"}]\n=ai.response.text\tA.\n",
     "{'kind':'llm','skip_reason':null}"},
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct ts_buf span = TS_BUF_INIT;
    struct ts_buf json = TS_BUF_INIT;
    ts_put_span_lines(&span, ts_view_str(row->lines));
    for (const char *c = row->wanted; *c; c++)
        ts_buf_add_byte(&json, *c == '\'' ? '"' : (uint8_t)*c);
    cJSON *wanted = ts_json_parse(ts_buf_view(&json), NULL, NULL);
    cJSON *got = record_of(ts_buf_view(&span));
    assert_true(cJSON_IsObject(wanted) && wanted->child);
    int bad = compare(row->name, wanted, got);
    cJSON_Delete(wanted);
    cJSON_Delete(got);
    ts_buf_release(&json);
    ts_buf_release(&span);
    assert_int_equal(bad, 0);
}

int main(void)
{
    struct CMUnitTest tests[TS_COUNT(rows)];
    for (size_t i = 0; i < TS_COUNT(rows); i++)
        tests[i] =
            (struct CMUnitTest){rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("odd_spans", tests, NULL, NULL);
}
