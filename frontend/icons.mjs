// The icons of the sprite, by the name that templates and modules use. The build stops when a
// name is used that is not listed, so that no page can show an empty square.
export const ICONS = [
  "activity", "alert-circle", "alert-triangle", "arrow-bar-to-down", "arrow-down", "arrow-left",
  "arrow-right", "arrow-up", "arrows-maximize", "arrows-minimize", "ban", "bolt", "book-2",
  "building", "calendar-time", "check", "chevron-down", "chevron-left", "chevron-right",
  "chevron-up", "circle-check", "circle-x", "clock", "code", "copy", "device-desktop", "dots",
  "download", "external-link", "eye", "file", "file-zip", "filter", "flask", "folder", "forms",
  "git-branch", "git-commit", "git-pull-request", "hand-click", "hand-stop", "history",
  "hourglass", "info-circle", "key", "layout-dashboard", "link", "list-details", "loader-2",
  "lock", "logout", "mail", "menu-2", "message", "moon", "package", "pencil", "player-play",
  "player-skip-forward", "player-stop", "plug-connected", "plus", "refresh", "rotate-clockwise",
  "route", "search", "selector", "server-2", "settings", "shield-lock", "stack-2", "sun", "tag",
  "terminal-2", "text-wrap", "timeline", "trash", "user", "user-plus", "users", "webhook", "x",
];
