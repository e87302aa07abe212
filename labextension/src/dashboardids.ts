/** The commands of dashboards. */

export namespace DashboardCommandIDs {
  export const open = 'views:open-dashboard';
  export const create = 'views:new-dashboard';
  export const rename = 'views:rename-dashboard';
  export const remove = 'views:delete-dashboard';
  export const addViews = 'views:add-views';
  export const addTo = 'views:add-to-dashboard';
  export const refresh = 'views:refresh-dashboard';
}
