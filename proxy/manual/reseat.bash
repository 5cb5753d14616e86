# SPDX-License-Identifier: Apache-2.0
# bash completion for reseat(1): the program itself knows what may come next.

_reseat() {
    local line=${COMP_LINE:0:COMP_POINT} words word suggestions
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    word=${words[-1]}
    mapfile -t suggestions < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)

    case ${suggestions[0]-} in
        '<files>') mapfile -t COMPREPLY < <(compgen -f -- "${word#--*=}"); compopt -o filenames; return ;;
        '<directories>') mapfile -t COMPREPLY < <(compgen -d -- "${word#--*=}"); compopt -o filenames; return ;;
        '<commands>') mapfile -t COMPREPLY < <(compgen -c -- "$word"); return ;;
    esac
    [[ ${#suggestions[@]} -eq 1 && ${suggestions[0]} == */ ]] && compopt -o nospace

    # bash takes ':' and '=' for ends of words: it wants what comes after the last of them.
    local known=
    [[ $word == *[:=]* && $COMP_WORDBREAKS == *:* ]] && known=${word%"${word##*[:=]}"}
    COMPREPLY=("${suggestions[@]#"$known"}")
}
complete -F _reseat reseat
